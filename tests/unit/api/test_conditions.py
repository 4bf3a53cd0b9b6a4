from datetime import UTC, datetime, timedelta, timezone

import pytest

from pd_operator.api.conditions import (
    ConditionReason,
    Conditions,
    ConditionStatus,
    ConditionType,
    find_condition,
    first_fault,
    initial_conditions,
    set_condition,
)

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)


def test_on_the_first_visit_everything_is_unknown_and_nothing_is_missing() -> None:
    conditions = initial_conditions(NOON, generation=1)

    assert {c.type for c in conditions} == {kind.value for kind in ConditionType}
    assert {c.status for c in conditions} == {ConditionStatus.UNKNOWN}
    assert all(c.reason for c in conditions)


def test_the_transition_time_moves_when_the_status_changes() -> None:
    before = initial_conditions(NOON, generation=1)
    after = set_condition(
        before,
        ConditionType.READY,
        ConditionStatus.TRUE,
        ConditionReason.SERVING,
        "2 prefill and 2 decode workers are ready.",
        now=LATER,
        generation=2,
    )
    ready = find_condition(after, ConditionType.READY)

    assert ready is not None
    assert ready.last_transition_time == LATER
    assert ready.observed_generation == 2


def test_the_transition_time_stays_when_only_the_words_change() -> None:
    conditions = initial_conditions(NOON, generation=1)
    for reason, message in (
        (ConditionReason.TTFT_MISSED, "87.0 % within 800 ms"),
        (ConditionReason.TTFT_AND_TPOT_MISSED, "86.1 % within 800 ms"),
    ):
        conditions = set_condition(
            conditions,
            ConditionType.SLO_MET,
            ConditionStatus.FALSE,
            reason,
            message,
            now=NOON if reason is ConditionReason.TTFT_MISSED else LATER,
            generation=1,
        )
    condition = find_condition(conditions, ConditionType.SLO_MET)

    assert condition is not None
    assert condition.last_transition_time == NOON
    assert condition.reason == "TTFTAndTPOTMissed"
    assert condition.message == "86.1 % within 800 ms"


def test_setting_a_condition_keeps_the_order_of_the_others() -> None:
    before = initial_conditions(NOON, generation=1)
    after = set_condition(
        before,
        ConditionType.SCALING,
        ConditionStatus.FALSE,
        ConditionReason.PAUSED,
        "spec.autoscaling.mode is Paused",
        now=LATER,
        generation=1,
    )
    assert [c.type for c in after] == [c.type for c in before]


def test_a_condition_that_is_not_there_yet_is_appended() -> None:
    [only] = set_condition(
        (),
        ConditionType.READY,
        ConditionStatus.FALSE,
        ConditionReason.NO_READY_DECODE,
        "No decode worker is ready.",
        now=NOON,
        generation=1,
    )
    assert only.type == "Ready"


def test_times_are_utc_and_in_whole_seconds_as_kubernetes_writes_them() -> None:
    odd = datetime(2026, 1, 1, 13, 0, 0, 987654, tzinfo=timezone(timedelta(hours=1)))
    [first, *_] = initial_conditions(odd, generation=1)
    dumped = first.model_dump(mode="json", by_alias=True)
    assert dumped["lastTransitionTime"] == "2026-01-01T12:00:00Z"


def said(**reasons: ConditionReason) -> Conditions:
    """All conditions True, but those named False for that reason."""
    conditions = initial_conditions(NOON, generation=1)
    for kind in ConditionType:
        reason = reasons.get(kind.name.lower())
        conditions = set_condition(
            conditions,
            kind,
            ConditionStatus.FALSE if reason else ConditionStatus.TRUE,
            reason or ConditionReason.ACTIVE,
            "so it is",
            now=NOON,
            generation=1,
        )
    return conditions


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        (said(), None),
        (initial_conditions(NOON, generation=1), None),
        (said(scaling=ConditionReason.ADVISORY), None),
        (said(scaling=ConditionReason.PAUSED), None),
        (said(forecast_trusted=ConditionReason.LAST_VALUE_CHOSEN), None),
        (said(slo_feasible=ConditionReason.UNKNOWN_PROFILE), "UnknownProfile"),
        (said(capacity_available=ConditionReason.WORKERS_FAILING), "WorkersFailing"),
        (
            said(
                ready=ConditionReason.NO_READY_DECODE,
                capacity_available=ConditionReason.WORKERS_FAILING,
                metrics_available=ConditionReason.NO_SERIES,
            ),
            "WorkersFailing",
        ),
        (
            said(
                ready=ConditionReason.NO_READY_DECODE,
                metrics_available=ConditionReason.NO_SERIES,
            ),
            "NoReadyDecode",
        ),
        (
            said(
                ready=ConditionReason.CHILDREN_REFUSED,
                capacity_available=ConditionReason.WORKERS_FAILING,
            ),
            "ChildrenRefused",
        ),
        (
            said(
                slo_met=ConditionReason.TTFT_MISSED,
                forecast_trusted=ConditionReason.WORSE_THAN_LAST_VALUE,
            ),
            "TTFTMissed",
        ),
    ],
)
def test_of_all_faults_the_one_to_be_mended_first_is_shown_and_a_choice_is_none(
    conditions: Conditions, reason: str | None
) -> None:
    fault = first_fault(conditions)
    assert (fault.reason if fault else None) == reason
