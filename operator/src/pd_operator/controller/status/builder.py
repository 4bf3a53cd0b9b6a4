"""From a tick's result to the resource's status. Pure; integers only, as the API asks for."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime

from pd_operator.api.conditions import (
    Conditions,
    ConditionType,
    initial_conditions,
    set_condition,
)
from pd_operator.api.display import with_display
from pd_operator.api.names import client_url
from pd_operator.api.roles import Role
from pd_operator.api.status import (
    AttainmentStatus,
    CalibrationStatus,
    DecisionStatus,
    DemandStatus,
    ForecastStatus,
    LinkStatus,
    MemoryStatus,
    PDInferenceServiceStatus,
    PoolForecastStatus,
    PoolStatus,
)
from pd_operator.controller.status.conditions import CONDITION_EVALUATORS
from pd_operator.controller.status.history import with_changes
from pd_operator.controller.status.tick_result import TickResult
from pd_operator.controller.status.updates import ConditionUpdate
from pd_operator.demand import Coverage, Demand, DemandForecast
from pd_operator.performance.calibration_status import to_plain
from pd_operator.planning.plan import Plan
from pd_operator.scaling.decision import Decision
from pd_operator.scaling.observation import Attainment, Known, Unknown


def build_status(
    result: TickResult, previous: PDInferenceServiceStatus
) -> PDInferenceServiceStatus:
    """The status after a tick; `previous` gives the conditions their transition times."""
    now = datetime.fromtimestamp(result.observation.time_seconds, UTC)
    demand = result.observation.demand
    attainment = result.observation.attainment
    status = PDInferenceServiceStatus(
        observed_generation=result.service.metadata.generation,
        prefill=_pool(result, Role.PREFILL),
        decode=_pool(result, Role.DECODE),
        ratio=_ratio(result),
        demand=_demand(demand.value) if isinstance(demand, Known) else None,
        forecast=_forecast(result),
        attainment=_attainment(attainment.value) if isinstance(attainment, Known) else None,
        last_decision=_decision(result.decision, now) or previous.last_decision,
        url=_url(result),
        history=with_changes(previous, result),
        memory=MemoryStatus.model_validate(result.memory.to_plain()),
        parallelism=result.service.status.parallelism,
        calibration=CalibrationStatus.model_validate(to_plain(result.calibration)),
        conditions=_conditions(result, previous.conditions, now),
    )
    return with_display(status)


def _url(result: TickResult) -> str | None:
    """Where clients reach the service; None behind a router of other hands."""
    service = result.service
    return client_url(service.key) if service.spec.scale_targets is None else None


def conditions_of(previous: Conditions, now: datetime, generation: int) -> Conditions:
    """The conditions to start from: those of before, or all of them unknown."""
    return previous or initial_conditions(now, generation)


def with_conditions(
    conditions: Conditions,
    updates: Mapping[ConditionType, ConditionUpdate],
    now: datetime,
    generation: int,
) -> Conditions:
    """The conditions with these updates."""
    for kind, said in updates.items():
        conditions = set_condition(
            conditions, kind, said.status, said.reason, said.message, now=now, generation=generation
        )
    return conditions


def _conditions(result: TickResult, previous: Conditions, now: datetime) -> Conditions:
    generation = result.service.metadata.generation
    updates = {kind: update(result) for kind, update in CONDITION_EVALUATORS.items()}
    return with_conditions(conditions_of(previous, now, generation), updates, now, generation)


def _pool(result: TickResult, role: Role) -> PoolStatus:
    seen = result.observation.pool(role)
    decision = result.decision
    return PoolStatus(
        current=seen.replicas,
        desired=decision.pool(role).desired if decision else seen.current,
        ready=seen.ready,
        starting=seen.starting,
        draining=seen.draining,
        flipped=seen.borrowed,
    )


def _ratio(result: TickResult) -> str | None:
    plan = result.plan_ahead if isinstance(result.plan_ahead, Plan) else result.plan_now
    return None if isinstance(plan, Unknown) else plan.ratio


def _demand(demand: Demand) -> DemandStatus:
    return DemandStatus(
        milli_requests_per_second=round(1000 * demand.requests_per_second),
        prompt_tokens_per_second=round(demand.prompt_tokens_per_second),
        output_tokens_per_second=round(demand.output_tokens_per_second),
        mean_prompt_tokens=round(demand.prompt_tokens.mean),
        mean_output_tokens=round(demand.output_tokens.mean),
    )


def _forecast(result: TickResult) -> ForecastStatus | None:
    prefill, decode = result.forecasts.prefill, result.forecasts.decode
    if isinstance(prefill, Unknown) or isinstance(decode, Unknown):
        return None
    errors = (prefill.error_vs_last_value, decode.error_vs_last_value)
    comparable = all(math.isfinite(error) for error in errors)
    return ForecastStatus(
        model=prefill.model,
        error_per_mille_of_last_value=round(1000 * max(errors)) if comparable else None,
        schedules=_schedules(result),
        prefill=_pool_forecast(prefill, result.coverage[Role.PREFILL]),
        decode=_pool_forecast(decode, result.coverage[Role.DECODE]),
    )


def _schedules(result: TickResult) -> tuple[str, ...]:
    in_force = {name for role in Role for name in result.forecasts.scheduled[role].names}
    schedules = result.service.spec.autoscaling.schedules
    return tuple(schedule.name for schedule in schedules if schedule.name in in_force)


def _pool_forecast(forecast: DemandForecast, coverage: Coverage) -> PoolForecastStatus:
    season = forecast.found_season_seconds
    return PoolForecastStatus(
        horizon_seconds=round(forecast.horizon_seconds),
        quantile_percent=forecast.quantile_percent,
        milli_requests_per_second=round(1000 * forecast.requests_per_second.high),
        median_milli_requests_per_second=round(1000 * forecast.requests_per_second.median),
        tokens_per_second=round(forecast.tokens_per_second.high),
        coverage_per_mille=None if math.isnan(coverage.high) else round(1000 * coverage.high),
        found_season_seconds=None if season is None else round(season),
    )


def _attainment(attainment: Attainment) -> AttainmentStatus:
    return AttainmentStatus(
        ttft_per_mille=round(1000 * attainment.ttft),
        tpot_per_mille=round(1000 * attainment.tpot),
        joint_low_per_mille=round(1000 * attainment.joint_low),
        joint_high_per_mille=round(1000 * attainment.joint_high),
        requests=round(attainment.requests),
    )


def _decision(decision: Decision | None, now: datetime) -> DecisionStatus | None:
    if decision is None:
        return None
    return DecisionStatus(
        time=now,
        reason=decision.reason.value,
        message=decision.sentence,
        links=tuple(
            LinkStatus(
                name=link.name, prefill=link.prefill, decode=link.decode, sentence=link.sentence
            )
            for link in decision.links
        ),
    )
