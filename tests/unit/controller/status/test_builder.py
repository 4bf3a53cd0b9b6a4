"""From a tick's result to the status that users read."""

from dataclasses import replace

from pd_operator.api.conditions import ConditionType, find_condition
from pd_operator.api.roles import Role
from pd_operator.api.status import PDInferenceServiceStatus
from pd_operator.controller.status.builder import build_status
from pd_operator.controller.status.metrics import OperatorMetrics
from pd_operator.controller.status.metrics_export import export
from pd_operator.controller.status.tick_result import TickResult
from pd_operator.demand.coverage import Coverage
from pd_operator.scaling.memory import Flip, Recommendation, ScalingMemory
from pd_operator.scaling.observation import Unknown, WorkerObservation
from pd_operator.scaling.pool_forecasts import PoolForecasts

AWAY = Unknown("PrometheusUnreachable", "prometheus", "Prometheus does not answer.")
EMPTY = PDInferenceServiceStatus()


def test_the_status_tells_pools_ratio_load_forecast_and_decision(result: TickResult) -> None:
    status = build_status(result, EMPTY)
    assert status.observed_generation == 7
    assert status.prefill is not None
    assert (status.prefill.current, status.prefill.desired, status.prefill.ready) == (3, 3, 3)
    assert status.ratio == "3:2"
    assert status.demand is not None
    assert status.demand.milli_requests_per_second == 20_000
    assert status.forecast is not None
    assert status.forecast.error_per_mille_of_last_value == 800
    assert status.last_decision is not None
    assert [link.name for link in status.last_decision.links] == ["forecast"]
    assert len(status.conditions) == len(ConditionType)


def test_the_status_tells_every_load_in_whole_numbers(result: TickResult) -> None:
    coverage = {Role.PREFILL: Coverage(0.05, 0.5, 0.964, 100), Role.DECODE: Coverage()}
    status = build_status(replace(result, coverage=coverage), EMPTY).model_dump(
        by_alias=True, exclude_none=True
    )
    assert status["demand"] == {
        "milliRequestsPerSecond": 20_000,
        "promptTokensPerSecond": 20_000,
        "outputTokensPerSecond": 2_000,
        "meanPromptTokens": 1_000,
        "meanOutputTokens": 100,
    }
    decode = {
        "horizonSeconds": 230,
        "quantilePercent": 95,
        "milliRequestsPerSecond": 25_000,
        "medianMilliRequestsPerSecond": 20_000,
        "tokensPerSecond": 25_000,
    }
    assert status["forecast"]["decode"] == decode
    assert status["forecast"]["prefill"] == decode | {"coveragePerMille": 964}
    assert status["attainment"] == {
        "ttftPerMille": 970,
        "tpotPerMille": 950,
        "jointLowPerMille": 920,
        "jointHighPerMille": 950,
        "requests": 1_000,
    }


def test_what_is_unknown_is_absent_and_not_zero(result: TickResult) -> None:
    blind = replace(
        result,
        observation=replace(result.observation, demand=AWAY, attainment=AWAY),
        forecasts=PoolForecasts(AWAY, AWAY),
        plan_ahead=AWAY,
        plan_now=AWAY,
    )
    status = build_status(blind, EMPTY)
    assert status.demand is None
    assert status.forecast is None
    assert status.attainment is None
    assert status.ratio is None


def test_a_transition_time_moves_only_with_the_status(result: TickResult) -> None:
    first = build_status(result, EMPTY)
    later = replace(result, observation=replace(result.observation, time_seconds=2e9))
    second = build_status(later, first)
    before = find_condition(first.conditions, ConditionType.READY)
    after = find_condition(second.conditions, ConditionType.READY)
    assert before is not None
    assert after is not None
    assert before.last_transition_time == after.last_transition_time

    broken = build_status(
        replace(later, observation=replace(later.observation, routers_ready=0)), second
    )
    ready = find_condition(broken.conditions, ConditionType.READY)
    assert ready is not None
    assert ready.last_transition_time != before.last_transition_time


def test_the_memory_survives_in_the_status(result: TickResult) -> None:
    memory = ScalingMemory(
        (Recommendation(1_790_000_000.0, 3, 2),), flips=(Flip(1_790_000_001.0, Role.DECODE),)
    )
    status = build_status(replace(result, memory=memory), EMPTY)
    assert status.memory is not None
    plain = status.memory.model_dump(mode="json", by_alias=True)
    assert ScalingMemory.from_plain(plain) == memory


def test_a_pool_tells_how_many_of_its_workers_are_borrowed(result: TickResult) -> None:
    seen = result.observation
    borrowed = replace(WorkerObservation("b", Role.DECODE), home=Role.PREFILL)
    decode = replace(seen.decode, workers=(*seen.decode.workers, borrowed))
    lent = replace(result, observation=replace(seen, decode=decode))
    status = build_status(lent, EMPTY)
    assert status.decode is not None
    assert status.prefill is not None
    assert (status.prefill.flipped, status.decode.flipped) == (0, 1)


def test_a_paused_service_keeps_the_last_decision_it_had(result: TickResult) -> None:
    decided = build_status(result, EMPTY)
    paused = build_status(replace(result, decision=None), decided)
    assert paused.last_decision == decided.last_decision


def test_unknown_is_nan_in_the_metrics(result: TickResult) -> None:
    metrics = OperatorMetrics()
    blind = replace(result, observation=replace(result.observation, demand=AWAY))
    export(metrics, blind.service.key, blind, build_status(blind, EMPTY))
    line = next(
        line
        for line in metrics.exposition().decode().splitlines()
        if line.startswith("pd_operator_demand_requests_per_second{")
    )
    assert line.endswith("NaN")


def test_another_quantile_leaves_no_series_of_the_old_one(result: TickResult) -> None:
    metrics = OperatorMetrics()
    spec = result.service.spec
    for quantile in (95, 70):
        forecast = spec.autoscaling.forecast.model_copy(update={"quantile_percent": quantile})
        autoscaling = spec.autoscaling.model_copy(update={"forecast": forecast})
        changed = result.service.model_copy(
            update={"spec": spec.model_copy(update={"autoscaling": autoscaling})}
        )
        asked = replace(result, service=changed)
        export(metrics, changed.key, asked, build_status(asked, EMPTY))
    text = metrics.exposition().decode()
    assert 'percentile="70"' in text
    assert 'percentile="95"' not in text


def test_the_gpus_that_are_asked_for_are_a_metric(result: TickResult) -> None:
    metrics = OperatorMetrics()
    export(metrics, result.service.key, result, build_status(result, EMPTY))
    spec = result.service.spec
    held = 3 * spec.prefill.tensor_parallel_size + 2 * spec.decode.tensor_parallel_size
    told = metrics.exposition().decode().splitlines()
    line = next(line for line in told if "_gpus{" in line)
    assert float(line.split()[-1]) == held
