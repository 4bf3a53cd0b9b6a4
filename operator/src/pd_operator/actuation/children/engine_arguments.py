"""The command line of one pool's SGLang servers."""

from itertools import pairwise

from pd_operator.actuation.children.buckets import TPOT_EDGES, TTFT_EDGES, edges_with
from pd_operator.actuation.children.metadata import Manifest
from pd_operator.api.names import BOOTSTRAP_PORT, ENGINE_PORT
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService

ENGINE_COMMAND = ("sglang", "serve")
ENGINE_CONTAINER = "engine"
_TP_SIZE = "--tp-size"


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
        *spec.engine.args,
        *pool.args,
    ]


def tensor_parallel_size(deployment: Manifest) -> int | None:
    """The size that a pool's Deployment was created with; None where it does not say."""
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        if container["name"] == ENGINE_CONTAINER:
            for flag, value in pairwise(container.get("args") or []):
                if flag == _TP_SIZE and value.isdigit():
                    return int(value)
    return None
