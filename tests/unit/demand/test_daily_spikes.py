"""Short spikes at the same time each day are found, and nothing else is taken for one."""

import numpy as np
import pytest
import yaml

from pd_operator.api.schedules import ScheduleSpec
from pd_operator.cli.backtesting.loads import REQUESTS, Loads
from pd_operator.cli.backtesting.spikes import proposals
from pd_operator.demand.daily_spikes import daily_spikes
from pd_operator.demand.lengths import FloatArray

MIDNIGHT = 1_700_006_400.0  # 15 November 2023, 0:00 UTC
BEGIN = 3 * 60 + 7


def days(count: int = 5, spike: float = 40.0, lasting: int = 5) -> FloatArray:
    minutes = np.arange(count * 1440)
    level = 10 + 4 * np.sin(2 * np.pi * minutes / 1440)
    noisy = level * (1 + 0.1 * np.random.default_rng(1).standard_normal(len(minutes)))
    time = minutes % 1440
    noisy[(time >= BEGIN) & (time < BEGIN + lasting)] = spike
    return noisy


def test_five_minutes_at_the_same_time_each_day_are_found() -> None:
    (found,) = daily_spikes(days(), MIDNIGHT, 60.0)
    assert (found.begin_seconds, found.duration_seconds) == (BEGIN * 60, 300)
    assert found.load == 40.0
    assert found.factor == pytest.approx(40 / 12.9, rel=0.1)
    assert (found.days, found.of_days) == (5, 5)


def test_the_time_of_day_is_that_of_the_clock_wherever_the_history_begins() -> None:
    (found,) = daily_spikes(days()[500:-200], MIDNIGHT - 200 * 60, 60.0)
    assert found.begin_seconds == BEGIN * 60


def test_a_day_without_it_is_a_holiday_and_two_of_five_are_not_daily() -> None:
    once, twice = days(), days()
    once[BEGIN : BEGIN + 5] = twice[BEGIN : BEGIN + 5] = 10
    twice[1440 + BEGIN : 1440 + BEGIN + 5] = 10
    assert daily_spikes(once, MIDNIGHT, 60.0)[0].days == 4
    assert daily_spikes(twice, MIDNIGHT, 60.0) == []


@pytest.mark.parametrize(
    "loads",
    [
        pytest.param(days(lasting=90), id="an hour and a half is a rhythm"),
        pytest.param(days(spike=14.0), id="a little more than usual"),
        pytest.param(days(count=2), id="two days"),
        pytest.param(np.zeros(5 * 1440), id="nothing at all"),
        pytest.param(np.full(5 * 1440, np.nan), id="nothing known"),
    ],
)
def test_what_is_no_daily_spike_is_not_called_one(loads: FloatArray) -> None:
    assert daily_spikes(loads, MIDNIGHT, 60.0) == []


def test_bins_that_do_not_divide_a_day_have_no_time_of_day() -> None:
    assert daily_spikes(days(), MIDNIGHT, 7.0) == []


def test_the_proposed_schedule_is_one_that_the_api_takes() -> None:
    loads = Loads("chat", {REQUESTS: days()}, 60.0, MIDNIGHT)
    (text,) = proposals(loads)
    assert "Daily at 03:07 UTC" in text
    schedule = ScheduleSpec.model_validate(_read(text))
    assert schedule.cron == "7 3 * * *"
    assert (schedule.duration_seconds, schedule.min_requests_per_second) == (300, 40)


def test_a_file_that_counts_from_its_own_beginning_has_no_time_of_day() -> None:
    assert proposals(Loads("file", {REQUESTS: days()}, 60.0, MIDNIGHT, dated=False)) == []


def _read(text: str) -> dict[str, object]:
    (schedule,) = yaml.safe_load(text[text.index("  - name") :])
    assert isinstance(schedule, dict)
    return schedule
