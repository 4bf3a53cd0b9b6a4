"""Condition types and reasons of a PDInferenceService, and how a condition is set."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from pd_operator.api.base import ApiModel


def _whole_seconds(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(microsecond=0)


Timestamp = Annotated[datetime, AfterValidator(_whole_seconds)]
"""A moment in UTC, in whole seconds as Kubernetes writes them."""


class ConditionType(StrEnum):
    """What can be said about a service; all are there from the first visit on."""

    READY = "Ready"
    """Summary: children exist and at least one worker of each role and a router are ready."""
    METRICS_AVAILABLE = "MetricsAvailable"
    """Demand and attainment can be read and are fresh; while False no worker is removed."""
    FORECAST_TRUSTED = "ForecastTrusted"
    """The forecaster beats the last value on this service's history."""
    SLO_MET = "SLOMet"
    """The objectives hold for the requests seen in the last window."""
    SLO_FEASIBLE = "SLOFeasible"
    """Some number of workers within the bounds meets the objectives at the forecast load."""
    CAPACITY_AVAILABLE = "CapacityAvailable"
    """The cluster gives the workers that were asked for."""
    SCALING = "Scaling"
    """Decisions are carried out."""


class ConditionStatus(StrEnum):
    """Truth of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class ConditionReason(StrEnum):
    """Why a condition has its status; also the reason of the Event on its transition."""

    NOT_YET_OBSERVED = "NotYetObserved"

    # Ready
    SERVING = "Serving"
    NO_READY_PREFILL = "NoReadyPrefill"
    NO_READY_DECODE = "NoReadyDecode"
    NO_READY_ROUTER = "NoReadyRouter"
    CHILDREN_REFUSED = "ChildrenRefused"
    SPEC_INVALID = "SpecInvalid"
    PARALLELISM_UNDECIDED = "ParallelismUndecided"
    TARGET_MISSING = "TargetMissing"
    TARGET_NOT_SCALABLE = "TargetNotScalable"
    TARGET_TAKEN = "TargetTaken"
    TARGET_OF_OTHER_ROLE = "TargetOfOtherRole"
    TICK_FAILED = "TickFailed"

    # MetricsAvailable
    METRICS_READ = "MetricsRead"
    PROMETHEUS_UNREACHABLE = "PrometheusUnreachable"
    NO_SERIES = "NoSeries"
    METRICS_STALE = "MetricsStale"
    METRICS_INCOMPLETE = "MetricsIncomplete"
    METRICS_CONTRADICTORY = "MetricsContradictory"

    # ForecastTrusted
    BEATS_LAST_VALUE = "BeatsLastValue"
    AS_GOOD_AS_LAST_VALUE = "AsGoodAsLastValue"
    WORSE_THAN_LAST_VALUE = "WorseThanLastValue"
    NOT_ENOUGH_HISTORY = "NotEnoughHistory"
    LAST_VALUE_CHOSEN = "LastValueChosen"

    # SLOMet
    OBJECTIVES_MET = "ObjectivesMet"
    TTFT_MISSED = "TTFTMissed"
    TPOT_MISSED = "TPOTMissed"
    TTFT_AND_TPOT_MISSED = "TTFTAndTPOTMissed"
    NO_REQUESTS = "NoRequests"

    # SLOFeasible
    OBJECTIVES_FEASIBLE = "ObjectivesFeasible"
    TTFT_INFEASIBLE = "TTFTInfeasible"
    TPOT_INFEASIBLE = "TPOTInfeasible"
    GPU_BUDGET_TOO_LOW = "GPUBudgetTooLow"
    UNKNOWN_PROFILE = "UnknownProfile"
    PROFILE_INVALID = "ProfileInvalid"
    PROFILE_BEING_LEARNED = "ProfileBeingLearned"

    # CapacityAvailable
    ALL_SCHEDULED = "AllScheduled"
    WORKERS_REFUSED = "WorkersRefused"
    WORKERS_UNSCHEDULABLE = "WorkersUnschedulable"
    WORKERS_FAILING = "WorkersFailing"
    WORKERS_NOT_STARTING = "WorkersNotStarting"

    # Scaling
    ACTIVE = "Active"
    ADVISORY = "Advisory"
    PAUSED = "Paused"
    HOLDING = "Holding"


CHOSEN = (ConditionReason.LAST_VALUE_CHOSEN, ConditionReason.ADVISORY, ConditionReason.PAUSED)
"""Reasons that the user set in the spec: a condition that is False for one of them is no fault."""

NOBODY_READY = (
    ConditionReason.NO_READY_PREFILL,
    ConditionReason.NO_READY_DECODE,
    ConditionReason.NO_READY_ROUTER,
)
"""Reasons of Ready that another condition may explain."""

CAUSES_FIRST = (
    ConditionType.CAPACITY_AVAILABLE,
    ConditionType.READY,
    ConditionType.METRICS_AVAILABLE,
    ConditionType.SLO_FEASIBLE,
    ConditionType.SLO_MET,
    ConditionType.FORECAST_TRUSTED,
    ConditionType.SCALING,
)
"""What is to be mended first, first."""


class Condition(ApiModel):
    """One observation about the service, as Kubernetes' metav1.Condition."""

    type: str = Field(max_length=316, description="What the condition is about.")
    status: ConditionStatus = Field(description="True, False or Unknown.")
    reason: str = Field(
        min_length=1, max_length=1024, description="Why, in one CamelCase word for programs."
    )
    message: str = Field(max_length=32768, description="Why, in words, with a hint what to do.")
    last_transition_time: Timestamp = Field(description="When the status last changed.")
    observed_generation: int = Field(
        ge=0, description="metadata.generation of the spec this was said about."
    )


Conditions = tuple[Condition, ...]


def find_condition(conditions: Iterable[Condition], kind: ConditionType) -> Condition | None:
    """The condition of a type, or None."""
    return next((c for c in conditions if c.type == kind), None)


def first_fault(conditions: Iterable[Condition]) -> Condition | None:
    """The first condition that is not as it should be, a cause before its effects; None if all are.

    A condition that is unknown, or False because the user wanted it so, is no fault.
    """
    faults = {
        condition.type: condition
        for condition in conditions
        if condition.status is ConditionStatus.FALSE and condition.reason not in CHOSEN
    }
    ready = faults.get(ConditionType.READY)
    if ready is not None and ready.reason not in NOBODY_READY:
        # A tick failed, so that the other conditions are of earlier ones.
        return ready
    return next((faults[kind] for kind in CAUSES_FIRST if kind in faults), None)


def set_condition(
    conditions: Conditions,
    kind: ConditionType,
    status: ConditionStatus,
    reason: ConditionReason,
    message: str,
    *,
    now: datetime,
    generation: int,
) -> Conditions:
    """The conditions with one of them set, in their old order.

    `last_transition_time` moves to `now` only when the status changes, so that a reader can
    tell since when it holds.
    """
    old = find_condition(conditions, kind)
    same_status = old is not None and old.status == status
    condition = Condition(
        type=kind.value,
        status=status,
        reason=reason.value,
        message=message,
        last_transition_time=old.last_transition_time if old and same_status else now,
        observed_generation=generation,
    )
    if old is None:
        return (*conditions, condition)
    return tuple(condition if c.type == kind else c for c in conditions)


def initial_conditions(now: datetime, generation: int) -> Conditions:
    """Every condition as Unknown: what is said of a service on its first visit."""
    return tuple(
        Condition(
            type=kind.value,
            status=ConditionStatus.UNKNOWN,
            reason=ConditionReason.NOT_YET_OBSERVED.value,
            message="The operator has not looked at this yet.",
            last_transition_time=now,
            observed_generation=generation,
        )
        for kind in ConditionType
    )
