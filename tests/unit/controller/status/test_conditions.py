"""What is said of a service, condition by condition."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pd_operator.api.conditions import ConditionReason, ConditionStatus, ConditionType
from pd_operator.api.names import GROUP
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.controller.status.conditions import CONDITION_EVALUATORS
from pd_operator.controller.status.tick_result import TickResult
from pd_operator.controller.status.updates import ConditionUpdate
from pd_operator.demand import Coverage
from pd_operator.scaling.observation import Attainment, Known, PoolObservation, Unknown
from pd_operator.scaling.pool_forecasts import PoolForecasts

TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN
AWAY = Unknown("PrometheusUnreachable", "prometheus", "Prometheus does not answer.")
Seeing = Callable[..., TickResult]


def said(result: TickResult, kind: ConditionType) -> ConditionUpdate:
    return CONDITION_EVALUATORS[kind](result)


def with_spec(result: TickResult, *path: str, value: Any) -> TickResult:
    """The result with one field of the spec changed; `path` is in the API's spelling."""
    manifest = result.service.model_dump(mode="json", by_alias=True, exclude_none=True)
    place = manifest["spec"]
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return replace(result, service=PDInferenceService.parse(manifest))


@pytest.mark.parametrize("kind", list(ConditionType))
def test_all_is_well_with_a_healthy_service(result: TickResult, kind: ConditionType) -> None:
    assert said(result, kind).status is TRUE
    assert said(result, kind).message


@pytest.mark.parametrize(
    ("role", "reason"),
    [
        (Role.PREFILL, ConditionReason.NO_READY_PREFILL),
        (Role.DECODE, ConditionReason.NO_READY_DECODE),
    ],
)
def test_a_service_without_a_ready_worker_of_a_role_is_not_ready(
    seeing: Seeing, role: Role, reason: ConditionReason
) -> None:
    update = said(seeing(**{role.value: PoolObservation(role, 1, ())}), ConditionType.READY)
    assert (update.status, update.reason) == (FALSE, reason)


def test_a_service_without_a_router_is_not_ready(result: TickResult) -> None:
    update = said(
        replace(result, observation=replace(result.observation, routers_ready=0)),
        ConditionType.READY,
    )
    assert update.reason is ConditionReason.NO_READY_ROUTER
    assert "see its events and log" in update.message


def test_a_router_that_does_not_come_is_told_in_kubernetes_own_words(result: TickResult) -> None:
    quota = 'pods "chat-router-x" is forbidden: exceeded quota: pods'
    seen = replace(result.observation, routers_ready=0, router_trouble=quota)
    assert quota in said(replace(result, observation=seen), ConditionType.READY).message


def test_unreadable_metrics_are_named_and_the_promise_is_repeated(seeing: Seeing) -> None:
    update = said(seeing(demand=AWAY), ConditionType.METRICS_AVAILABLE)
    assert (update.status, update.reason) == (FALSE, ConditionReason.PROMETHEUS_UNREACHABLE)
    assert "No worker is removed" in update.message


def test_missing_attainment_is_unknown_and_not_missed(seeing: Seeing) -> None:
    update = said(seeing(attainment=AWAY), ConditionType.SLO_MET)
    assert update.status is UNKNOWN


@pytest.mark.parametrize(
    ("ttft", "tpot", "reason"),
    [
        (0.5, 0.99, ConditionReason.TTFT_MISSED),
        (0.99, 0.5, ConditionReason.TPOT_MISSED),
        (0.5, 0.5, ConditionReason.TTFT_AND_TPOT_MISSED),
    ],
)
def test_a_missed_objective_is_named(
    seeing: Seeing, ttft: float, tpot: float, reason: ConditionReason
) -> None:
    seen = Known(Attainment(ttft, tpot, 0.0, 0.5, 100.0), 1.0, "prometheus")
    update = said(seeing(attainment=seen), ConditionType.SLO_MET)
    assert (update.status, update.reason) == (FALSE, reason)


def test_a_forecaster_that_loses_to_the_last_value_is_not_trusted(
    result: TickResult, make_forecast: Callable[..., Any]
) -> None:
    worse = make_forecast(error_vs_last_value=1.2, trusted=False)
    update = said(
        replace(result, forecasts=PoolForecasts(worse, make_forecast())),
        ConditionType.FORECAST_TRUSTED,
    )
    assert (update.status, update.reason) == (FALSE, ConditionReason.WORSE_THAN_LAST_VALUE)
    assert "20% above the last value's for prefill, 230 s ahead" in update.message
    assert "20% below the last value's for decode, 230 s ahead" in update.message


@pytest.mark.parametrize(
    ("error", "words"),
    [(math.inf, "which was exact"), (1.001, "equal to the last value's for prefill")],
)
def test_errors_that_no_percentage_tells_are_told_in_words(
    result: TickResult, make_forecast: Callable[..., Any], error: float, words: str
) -> None:
    worse = make_forecast(error_vs_last_value=error, trusted=False)
    update = said(
        replace(result, forecasts=PoolForecasts(worse, make_forecast())),
        ConditionType.FORECAST_TRUSTED,
    )
    assert update.status is FALSE
    assert words in update.message


def test_a_load_that_nobody_could_forecast_better_is_no_reason_to_distrust(
    result: TickResult, make_forecast: Callable[..., Any]
) -> None:
    idle = make_forecast(error_vs_last_value=1.0, trusted=False)
    update = said(
        replace(result, forecasts=PoolForecasts(idle, make_forecast())),
        ConditionType.FORECAST_TRUSTED,
    )
    assert (update.status, update.reason) == (TRUE, ConditionReason.AS_GOOD_AS_LAST_VALUE)
    assert "equal to the last value's for prefill" in update.message


def test_a_forecaster_too_young_to_be_judged_is_neither_trusted_nor_distrusted(
    result: TickResult, make_forecast: Callable[..., Any]
) -> None:
    young = make_forecast(error_vs_last_value=math.nan, trusted=False)
    update = said(
        replace(result, forecasts=PoolForecasts(young, young)), ConditionType.FORECAST_TRUSTED
    )
    assert (update.status, update.reason) == (UNKNOWN, ConditionReason.NOT_ENOUGH_HISTORY)


def test_how_often_the_quantile_held_is_said(
    result: TickResult, make_forecast: Callable[..., Any]
) -> None:
    coverage = {
        Role.PREFILL: Coverage(0.05, 0.5, 0.949, 900),
        Role.DECODE: Coverage(0.05, 0.5, 0.902, 900),
    }
    ahead = PoolForecasts(make_forecast(), make_forecast())
    update = said(
        replace(result, forecasts=ahead, coverage=coverage), ConditionType.FORECAST_TRUSTED
    )
    told = "The P70 forecast covered 94.9% of the prefill loads and 90.2% of the decode loads."
    assert told in update.message


def test_no_forecast_yet_is_unknown(result: TickResult) -> None:
    young = Unknown("NotEnoughHistory", "forecast", "3 bins of history, 5 are needed.")
    update = said(
        replace(result, forecasts=PoolForecasts(young, young)), ConditionType.FORECAST_TRUSTED
    )
    assert (update.status, update.reason) == (UNKNOWN, ConditionReason.NOT_ENOUGH_HISTORY)


def test_objectives_out_of_reach_are_named_with_the_plans_figure(result: TickResult) -> None:
    assert not isinstance(result.plan_ahead, Unknown)
    short = replace(
        result.plan_ahead.decode, feasible=False, reason="TPOT 10 ms is below the fastest step"
    )
    hopeless = replace(result, plan_ahead=replace(result.plan_ahead, decode=short))
    update = said(hopeless, ConditionType.SLO_FEASIBLE)
    assert (update.status, update.reason) == (FALSE, ConditionReason.TPOT_INFEASIBLE)
    assert "below the fastest step" in update.message


def test_a_plan_above_the_budget_is_said(result: TickResult) -> None:
    update = said(
        with_spec(result, "autoscaling", "gpuBudget", value=16), ConditionType.SLO_FEASIBLE
    )
    assert (update.status, update.reason) == (FALSE, ConditionReason.GPU_BUDGET_TOO_LOW)


@pytest.mark.parametrize(
    "reason", [ConditionReason.UNKNOWN_PROFILE, ConditionReason.PROFILE_INVALID]
)
def test_a_profile_that_cannot_be_read_is_a_fault_and_not_a_lack_of_data(
    result: TickResult, reason: ConditionReason
) -> None:
    nameless = Unknown(reason.value, "profile", "no profile is called 'x'")
    update = said(
        replace(result, plan_ahead=nameless, plan_now=nameless), ConditionType.SLO_FEASIBLE
    )
    assert (update.status, update.reason) == (FALSE, reason)


def test_a_load_that_is_unknown_leaves_feasibility_unknown(result: TickResult) -> None:
    update = said(replace(result, plan_ahead=AWAY, plan_now=AWAY), ConditionType.SLO_FEASIBLE)
    assert (update.status, update.reason) == (UNKNOWN, ConditionReason.PROMETHEUS_UNREACHABLE)


def test_advice_says_what_it_would_do(result: TickResult) -> None:
    update = said(with_spec(result, "autoscaling", "mode", value="Advisory"), ConditionType.SCALING)
    assert (update.status, update.reason) == (FALSE, ConditionReason.ADVISORY)
    assert "Nothing changes." in update.message


@pytest.mark.parametrize(
    ("annotations", "words"),
    [
        ({"paused": "load test", "paused-by": "ada"}, "are, paused by ada: load test. `kubectl"),
        ({"paused": "true", "paused-by": "ada"}, "are, paused by ada. `kubectl"),
        ({"paused": ""}, "are, paused by annotation. `kubectl"),
        ({"paused": "false"}, "spec.autoscaling.mode is Paused"),
    ],
)
def test_a_service_paused_by_annotation_says_by_whom_and_why(
    result: TickResult, annotations: dict[str, str], words: str
) -> None:
    marks = {f"{GROUP}/{name}": value for name, value in annotations.items()}
    metadata = result.service.metadata.model_copy(update={"annotations": marks})
    service = result.service.model_copy(update={"metadata": metadata})
    update = said(replace(result, service=service, decision=None), ConditionType.SCALING)
    assert update.reason is ConditionReason.PAUSED
    assert words in update.message


def test_a_paused_service_says_so(result: TickResult) -> None:
    paused = with_spec(result, "autoscaling", "mode", value="Paused")
    update = said(replace(paused, decision=None), ConditionType.SCALING)
    assert update.reason is ConditionReason.PAUSED
