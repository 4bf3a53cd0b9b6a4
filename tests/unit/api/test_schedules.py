"""When a schedule is in force, and which ones are refused."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from pd_operator.api.schedules import ScheduleSpec
from pd_operator.api.v1alpha1 import PDInferenceService

HOUR = 3600


def schedule(**fields: Any) -> ScheduleSpec:
    usual = {"name": "office", "cron": "30 8 * * MON-FRI", "durationSeconds": 9 * HOUR}
    return ScheduleSpec.model_validate({**usual, "minRequestsPerSecond": 10, **fields})


def at(moment: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("moment", "in_force"),
    [
        ("2026-11-20T08:29:59", False),
        ("2026-11-20T08:30:00", True),
        ("2026-11-20T12:00:00", True),
        ("2026-11-20T17:29:59", True),
        ("2026-11-20T17:30:00", False),
        ("2026-11-21T12:00:00", False),  # a Saturday
        ("2026-11-23T12:00:00", True),
    ],
)
def test_a_schedule_is_in_force_from_its_beginning_for_its_duration(
    moment: str, in_force: bool
) -> None:
    assert schedule().meets(at(moment), at(moment)) is in_force


def test_a_stretch_of_time_meets_a_schedule_that_begins_or_ends_within_it() -> None:
    office = schedule()
    assert office.meets(at("2026-11-20T08:25"), at("2026-11-20T08:30"))
    assert not office.meets(at("2026-11-20T08:25"), at("2026-11-20T08:29"))
    assert office.meets(at("2026-11-20T17:29"), at("2026-11-20T18:00"))
    assert not office.meets(at("2026-11-20T17:30"), at("2026-11-20T18:00"))
    assert office.meets(at("2026-11-20T00:00"), at("2026-11-21T00:00"))
    assert not office.meets(at("2026-11-21T00:00"), at("2026-11-23T00:00"))


def test_a_duration_longer_than_the_pause_has_no_end() -> None:
    always = schedule(cron="0 * * * *", durationSeconds=2 * HOUR)
    assert all(
        always.meets(at("2026-11-20T00:00") + 60 * m, at("2026-11-20T00:00") + 60 * m)
        for m in range(240)
    )


def test_people_s_clocks_decide_also_when_they_are_put_forward_or_back() -> None:
    berlin = schedule(timeZone="Europe/Berlin", cron="0 9 * * *", durationSeconds=HOUR)
    for day in ("2026-03-28", "2026-03-29", "2026-03-30", "2026-10-24", "2026-10-25"):
        moment = at(f"{day}T09:30", "Europe/Berlin")
        assert berlin.meets(moment, moment)
        assert not berlin.meets(moment - HOUR, moment - HOUR)
        assert not berlin.meets(moment + HOUR, moment + HOUR)


def test_an_hour_that_the_clock_leaves_out_is_not_left_out_by_the_schedule() -> None:
    missing = schedule(timeZone="Europe/Berlin", cron="30 2 * * *", durationSeconds=HOUR)
    moment = at("2026-03-29T03:05", "Europe/Berlin")
    assert missing.meets(moment, moment)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"cron": "61 8 * * *"}, "no cron expression"),
        ({"cron": "0 8 * *"}, "pattern"),
        ({"cron": "@daily"}, "pattern"),
        ({"cron": "* * * * * *"}, "pattern"),
        ({"cron": "0 0 30 2 *"}, "no cron expression"),
        ({"cron": "0 0 * * FUNDAY"}, "no cron expression"),
        ({"timeZone": "Mars/Olympus"}, "no time zone is called 'Mars/Olympus'"),
        ({"timeZone": "../../etc/passwd"}, "pattern"),
        ({"timeZone": "Europe"}, "no time zone is called 'Europe'"),
        ({"durationSeconds": 0}, "greater than or equal to 60"),
        ({"minRequestsPerSecond": None}, "at least one of minRequestsPerSecond"),
        ({"minRequestsPerSecond": -1}, "greater than or equal to 1"),
        ({"factorPercent": 0}, "greater than or equal to 10"),
        ({"name": "Black Friday"}, "pattern"),
        ({"desiredReplicas": 3}, "Extra inputs are not permitted"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        schedule(**fields)


@pytest.mark.parametrize(
    ("schedules", "message"),
    [
        ([{"name": "a", "minPrefillReplicas": 9}], "at least 9 prefill workers"),
        ([{"name": "a", "minDecodeReplicas": 99}], "at least 99 decode workers"),
        ([{"name": "a", "factorPercent": 120}] * 2, "names must differ"),
    ],
)
def test_schedules_fit_the_pools_and_have_names_of_their_own(
    minimal: dict[str, Any], schedules: list[dict[str, Any]], message: str
) -> None:
    when = {"cron": "0 9 * * *", "durationSeconds": HOUR}
    minimal["spec"]["autoscaling"] = {"schedules": [when | one for one in schedules]}
    with pytest.raises(ValidationError, match=message):
        PDInferenceService.parse(minimal)
