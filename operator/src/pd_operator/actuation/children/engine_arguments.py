"""The command line of one pool's SGLang servers."""

from itertools import pairwise

from pd_operator.actuation.children.metadata import Manifest
from pd_operator.api.arguments import ONE_CACHE_FLAGS, ROLE_SWITCH_FLAG
from pd_operator.api.autoscaling import RoleFlips
from pd_operator.api.names import BOOTSTRAP_PORT, ENGINE_PORT
from pd_operator.api.objectives import Objective
from pd_operator.api.pods import ENGINE_CONTAINER
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService

ENGINE_COMMAND = ("sglang", "serve")
_TP_SIZE = "--tp-size"

TTFT_EDGES = (0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 20, 40, 60, 80, 100, 200, 400)
"""SGLang 0.5.23's own edges of time to first token, in seconds."""

TPOT_EDGES = (
    *(0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.06, 0.08),
    *(0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8),
)
"""SGLang 0.5.23's own edges of inter-token latency and time per output token, in seconds."""


def engine_arguments(service: PDInferenceService, role: Role) -> list[str]:
    """Arguments of `sglang serve`; the user's come last."""
    spec = service.spec
    pool = spec.pool(role)
    return [
        *("--model-path", spec.model.path),
        *("--served-model-name", spec.model.name_for_clients),
        # The pod's own address: peers fetch KV cache from the host that a server binds to.
        *("--host", "$(POD_IP)"),
        *("--port", str(ENGINE_PORT)),
        *(_TP_SIZE, str(pool.tensor_parallel_size)),
        *("--disaggregation-mode", role.value),
        *("--disaggregation-bootstrap-port", str(BOOTSTRAP_PORT)),
        "--enable-metrics",
        *("--bucket-time-to-first-token", *edges_with(spec.objectives.ttft, TTFT_EDGES)),
        *("--bucket-inter-token-latency", *edges_with(spec.objectives.tpot, TPOT_EDGES)),
        *_role_switch_arguments(service, role),
        *spec.engine.args,
        *pool.args,
    ]


def _role_switch_arguments(service: PDInferenceService, role: Role) -> list[str]:
    """What lets a worker take the other role, where that is wanted.

    Both roles keep a prefix cache, or neither does: a server that began as a prefill with a cache
    of its own does not survive work as a decode without one (SGLang 0.5.23).
    """
    spec = service.spec
    if spec.autoscaling.role_flips is not RoleFlips.ENABLED:
        return []
    given = {*spec.engine.args, *spec.pool(role).args}
    one_cache = [] if given & set(ONE_CACHE_FLAGS) else [ONE_CACHE_FLAGS[1]]
    return [ROLE_SWITCH_FLAG, *one_cache]


def edges_with(objective: Objective, edges: tuple[float, ...]) -> tuple[str, ...]:
    """Edges of a latency histogram with the objective's limit among them, ascending.

    A histogram tells the share of requests below an edge exactly, and between edges only by guess:
    with the objective as an edge, attainment is a measurement.
    """
    return tuple(f"{edge:g}" for edge in sorted({*edges, objective.seconds}))


def tensor_parallel_size(deployment: Manifest) -> int | None:
    """The size that a pool's Deployment was created with; None where it does not say."""
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        if container["name"] == ENGINE_CONTAINER:
            for flag, value in pairwise(container.get("args") or []):
                if flag == _TP_SIZE and value.isdigit():
                    return int(value)
    return None
