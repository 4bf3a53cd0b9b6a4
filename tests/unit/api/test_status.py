from datetime import UTC, datetime
from typing import Any

from pd_operator.api.conditions import (
    ConditionReason,
    ConditionStatus,
    ConditionType,
    initial_conditions,
    set_condition,
)
from pd_operator.api.display import with_display
from pd_operator.api.status import (
    AttainmentStatus,
    DecisionStatus,
    DisplayStatus,
    ForecastStatus,
    PDInferenceServiceStatus,
    PoolForecastStatus,
    PoolStatus,
)
from pd_operator.api.v1alpha1 import PDInferenceService


def a_forecast(horizon_seconds: int, milli_requests_per_second: int) -> PoolForecastStatus:
    return PoolForecastStatus(
        horizon_seconds=horizon_seconds,
        quantile_percent=95,
        milli_requests_per_second=milli_requests_per_second,
        median_milli_requests_per_second=50_000,
        tokens_per_second=100_000,
    )


def a_status() -> PDInferenceServiceStatus:
    return PDInferenceServiceStatus(
        observed_generation=4,
        prefill=PoolStatus(current=3, desired=4, ready=2, starting=1, draining=0),
        ratio="4:2",
        forecast=ForecastStatus(
            model="DampedTrend", prefill=a_forecast(200, 58_340), decode=a_forecast(90, 55_000)
        ),
        attainment=AttainmentStatus(
            ttft_per_mille=962,
            tpot_per_mille=990,
            joint_low_per_mille=952,
            joint_high_per_mille=962,
            requests=1200,
        ),
        conditions=initial_conditions(datetime(2026, 1, 1, tzinfo=UTC), generation=4),
    )


def test_columns_say_in_words_what_the_fields_say_in_numbers() -> None:
    display = with_display(a_status()).display

    assert display == DisplayStatus(
        prefill="2/4", decode="-", forecast="58.3/s", attainment="96.2/99.0%", reason="-"
    )


def test_the_column_of_a_pool_tells_what_it_borrowed() -> None:
    pool = PoolStatus(current=3, desired=3, ready=3, starting=0, draining=0, flipped=1)
    display = with_display(a_status().model_copy(update={"prefill": pool})).display
    assert display is not None
    assert display.prefill == "3/3 (1 borrowed)"


def test_the_column_of_reasons_shows_a_fault_and_else_the_last_decision() -> None:
    decided = DecisionStatus(
        time=datetime(2026, 1, 1, tzinfo=UTC), reason="Steady", message="Nothing changes."
    )
    well = a_status().model_copy(update={"last_decision": decided})
    failing = set_condition(
        well.conditions,
        ConditionType.CAPACITY_AVAILABLE,
        ConditionStatus.FALSE,
        ConditionReason.WORKERS_FAILING,
        "engine: ImagePullBackOff",
        now=datetime(2026, 1, 1, tzinfo=UTC),
        generation=4,
    )
    ill = well.model_copy(update={"conditions": failing})
    shown = [with_display(status).display for status in (well, ill)]
    assert [one.reason for one in shown if one] == ["Steady", "WorkersFailing"]


def test_a_status_comes_back_from_the_cluster_as_it_went_there(minimal: dict[str, Any]) -> None:
    status = with_display(a_status())
    stored = minimal | {"status": status.manifest()}
    assert PDInferenceService.parse(stored).status == status


def test_what_is_unknown_is_absent_and_never_null_or_zero() -> None:
    manifest = a_status().manifest()
    assert "demand" not in manifest
    assert "decode" not in manifest
    assert manifest["prefill"]["draining"] == 0


def test_a_status_of_a_newer_operator_can_be_read(minimal: dict[str, Any]) -> None:
    stored = minimal | {"status": {"ratio": "1:1", "flipped": 2}}
    assert PDInferenceService.parse(stored).status.ratio == "1:1"


def test_a_status_that_makes_no_sense_does_not_keep_a_service_from_being_served(
    minimal: dict[str, Any],
) -> None:
    stored = minimal | {"status": {"prefill": {"replicas": "three"}, "conditions": "Ready"}}
    assert PDInferenceService.parse(stored).status == PDInferenceServiceStatus()
