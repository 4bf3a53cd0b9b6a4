"""What is asked: a load, objectives, an engine, and the means at hand."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from pd_operator.api.autoscaling import Mode, PlanningMethod
from pd_operator.api.engine import ProfileRef
from pd_operator.api.router import PrefillPolicy
from pd_operator.performance import PerformanceProfile
from pd_operator.placement import Affinity, place
from pd_operator.planning.engine import RouterClass
from pd_operator.planning.limits import Limits
from pd_operator.planning.load import Load, steady_load
from pd_operator.planning.methods import Counts
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.planning.plan import PlanningError
from pd_operator.planning.search import Sizing, search_plan, sized_by

MILLISECONDS = 1e-3
DEFAULT_PROMETHEUS = "http://prometheus-operated.monitoring:9090"
"""Where kube-prometheus-stack's Prometheus is, installed into the namespace `monitoring`."""


class Method(StrEnum):
    """How workers are reckoned: those of the API, and those that take seconds of simulation."""

    QUEUEING = PlanningMethod.QUEUEING.value
    DOPD = PlanningMethod.DOPD.value
    DOPD_AS_PUBLISHED = PlanningMethod.DOPD_AS_PUBLISHED.value
    SLO_AWARE = PlanningMethod.SLO_AWARE.value
    SLO_AWARE_AS_PUBLISHED = PlanningMethod.SLO_AWARE_AS_PUBLISHED.value
    DISTSERVE_HIGH_AFFINITY = Affinity.HIGH.value
    DISTSERVE_LOW_AFFINITY = Affinity.LOW.value

    @property
    def by_simulation(self) -> bool:
        """Whether it is one of DistServe's placement algorithms."""
        return self in {Method.DISTSERVE_HIGH_AFFINITY, Method.DISTSERVE_LOW_AFFINITY}

    @property
    def of_a_service(self) -> PlanningMethod:
        """The method that a service goes on with: the operator plans in milliseconds."""
        return PlanningMethod.QUEUEING if self.by_simulation else PlanningMethod(self.value)


@dataclass(frozen=True)
class PlanRequest:
    """All that a plan is made from.

    The last three are those of a service that is there, or of one to be made: where it has its
    profile, its mode, and where its Prometheus is.
    """

    load: Load
    objectives: Objectives
    profile: PerformanceProfile
    limits: Limits
    policy: PrefillPolicy
    method: Method
    reference: ProfileRef | None = None
    mode: Mode = Mode.ADVISORY
    prometheus_url: str | None = DEFAULT_PROMETHEUS

    def plan(self) -> Sizing:
        """The plan; `PlanningError` where the limits leave none."""
        if self.method.by_simulation:
            return self._placed()
        return search_plan(
            self.load,
            self.objectives,
            self.profile,
            self.limits,
            RouterClass.of(self.policy),
            self.method.of_a_service,
        )

    def _placed(self) -> Sizing:
        affinity = Affinity(self.method.value)
        placed = place(affinity, self.load, self.objectives, self.profile, self.limits)
        return sized_by(
            Counts(
                placed.prefill_workers,
                placed.decode_workers,
                float(placed.prefill_workers),
                float(placed.decode_workers),
                placed.sentence,
            ),
            (placed.prefill.tensor_parallel_size, placed.decode.tensor_parallel_size),
            self.load,
            self.objectives,
            self.profile,
            self.limits,
            RouterClass.of(self.policy),
        )

    def what_if(self, changes: Mapping[str, str]) -> "PlanRequest":
        """The same with some figures changed; `PlanningError` for a figure there is not.

        `rate`, `isl`, `osl`: a steady load of these means instead (`rate` may be `x1.5`, of the
        load's own); `ttft`, `tpot`: milliseconds; `budget`: GPUs; `tp`, `tp-prefill`,
        `tp-decode`: sizes; `router`: its prefill policy; `method`.
        """
        changed = self
        for name, value in changes.items():
            try:
                changed = _CHANGES[name](changed, value)
            except KeyError:
                known = ", ".join(_CHANGES)
                raise PlanningError(f"what if {name!r}? There is {known}") from None
            except PlanningError:
                raise
            except ValueError as error:
                raise PlanningError(f"what if {name}={value}? {error}") from None
        return changed


def parse_changes(text: str) -> dict[str, str]:
    """`rate=40,ttft=500` as a mapping; `PlanningError` where it is none."""
    changes = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not (equals and name.strip() and value.strip()):
            raise PlanningError(f"--what-if takes NAME=VALUE,..., not {text!r}")
        changes[name.strip()] = value.strip()
    return changes


def _rate(request: PlanRequest, value: str) -> PlanRequest:
    load = request.load
    if value.startswith("x"):
        factor = float(value[1:])
        if not 0 <= factor < 1e9:
            raise PlanningError(f"what if rate={value}? The factor is at least 0")
        prefill, decode = (
            replace(one, requests_per_second=one.requests_per_second * factor)
            for one in (load.prefill, load.decode)
        )
        return replace(request, load=Load(prefill, decode, load.source))
    return replace(request, load=_steady(load, rate=float(value)))


def _isl(request: PlanRequest, value: str) -> PlanRequest:
    return replace(request, load=_steady(request.load, prompt=float(value)))


def _osl(request: PlanRequest, value: str) -> PlanRequest:
    return replace(request, load=_steady(request.load, output=float(value)))


def _steady(
    load: Load,
    rate: float | None = None,
    prompt: float | None = None,
    output: float | None = None,
) -> Load:
    """The load with one mean changed, its variation kept."""
    steady_load(  # refuses what makes no sense
        load.requests_per_second if rate is None else rate, prompt or 1.0, output or 1.0
    )
    demands = []
    for demand in (load.prefill, load.decode):
        prompts, outputs = demand.prompt_tokens, demand.output_tokens
        context = demand.context_tokens_mean
        demands.append(
            replace(
                demand,
                requests_per_second=demand.requests_per_second if rate is None else rate,
                prompt_tokens=prompts if prompt is None else prompts.scaled_to_mean(prompt),
                output_tokens=outputs if output is None else outputs.scaled_to_mean(output),
                context_tokens_mean=context if prompt is None and output is None else None,
            )
        )
    return Load(demands[0], demands[1], load.source)


def _ttft(request: PlanRequest, value: str) -> PlanRequest:
    objectives = request.objectives
    ttft = Objective(objectives.ttft.percentile, float(value) * MILLISECONDS)
    return replace(request, objectives=replace(objectives, ttft=ttft))


def _tpot(request: PlanRequest, value: str) -> PlanRequest:
    objectives = request.objectives
    tpot = Objective(objectives.tpot.percentile, float(value) * MILLISECONDS)
    return replace(request, objectives=replace(objectives, tpot=tpot))


def _budget(request: PlanRequest, value: str) -> PlanRequest:
    return replace(request, limits=replace(request.limits, gpu_budget=int(value)))


def _tp_prefill(request: PlanRequest, value: str) -> PlanRequest:
    limits = replace(request.limits, prefill_tensor_parallel=(int(value),), same_size=False)
    return replace(request, limits=limits)


def _tp_decode(request: PlanRequest, value: str) -> PlanRequest:
    limits = replace(request.limits, decode_tensor_parallel=(int(value),), same_size=False)
    return replace(request, limits=limits)


def _tp(request: PlanRequest, value: str) -> PlanRequest:
    return _tp_decode(_tp_prefill(request, value), value)


def _router(request: PlanRequest, value: str) -> PlanRequest:
    return replace(request, policy=PrefillPolicy(value))


def _method(request: PlanRequest, value: str) -> PlanRequest:
    return replace(request, method=Method(value))


_CHANGES = {
    "rate": _rate,
    "isl": _isl,
    "osl": _osl,
    "ttft": _ttft,
    "tpot": _tpot,
    "budget": _budget,
    "tp": _tp,
    "tp-prefill": _tp_prefill,
    "tp-decode": _tp_decode,
    "router": _router,
    "method": _method,
}
