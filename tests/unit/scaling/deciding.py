"""Words that the tests of decisions share."""

from collections.abc import Callable
from typing import Any

from pd_operator.planning.plan import Plan
from pd_operator.scaling.chain import decide
from pd_operator.scaling.decision import Decision
from pd_operator.scaling.memory import ScalingMemory
from pd_operator.scaling.observation import EngineLoad, Observation, PoolObservation, Unknown
from pd_operator.scaling.settings import ScalingSettings

Observe = Callable[..., Observation]
MakePlan = Callable[[int, int], Plan]
Allow = Callable[..., ScalingSettings]
MakePool = Callable[..., PoolObservation]
MakeLoad = Callable[..., EngineLoad]

NO_DEMAND = Unknown("Stale", "prometheus", "the newest sample is 240 s old.")
NOTHING = ScalingMemory()
AT_ONCE: dict[str, Any] = {"scaleDown": {"stabilizationWindowSeconds": 0}}


def numbers(decision: Decision) -> tuple[int, int]:
    return decision.prefill.desired, decision.decode.desired


def link(decision: Decision, name: str) -> str:
    return next(one.sentence for one in decision.links if one.name == name)


def decide_after(*seen: Observation, plan: Plan | Unknown, settings: ScalingSettings) -> Decision:
    """The last of several decisions on the same plan: what one look alone cannot tell."""
    memory = NOTHING
    for one in seen:
        decision, memory = decide(one, plan, plan, settings, memory)
    return decision
