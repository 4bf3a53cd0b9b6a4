"""Schedules: Poisson within the trace's bins, exact, seeded."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from pd_e2e.loadgen.azure import AZURE_REPLAYS, WORKDAY, AzureReplay
from pd_e2e.loadgen.scenario import RecordedScenario, SteadyScenario, TraceScenario
from pd_e2e.loadgen.schedule import LengthPool, poisson_arrivals
from pd_e2e.loadgen.trace import Trace, bundled_trace

OVERLAY = Path(__file__).parents[3] / "e2e" / "demo" / "overlay.yaml"


def two_services() -> Trace:
    """100 s in bins of 10 s: 'climbing' has 0, 10, 20 ... requests a bin, 'level' 50."""
    pool = LengthPool(np.array([100, 200, 300]), np.array([1, 2, 3]))
    return Trace(
        bin_seconds=10.0,
        requests={"climbing": np.linspace(0.0, 90.0, 10), "level": np.full(10, 50.0)},
        lengths={"climbing": pool, "level": LengthPool(np.array([7]), np.array([9]))},
    )


def hour(seconds: float) -> float:
    return seconds / 3600


def test_each_bin_gets_its_expected_number_of_arrivals() -> None:
    edges = np.array([0.0, 10.0, 30.0, 31.0])
    expected = np.array([4000.0, 0.0, 9000.0])
    arrivals = poisson_arrivals(edges, expected, np.random.default_rng(0))

    counts = np.histogram(arrivals, edges)[0]
    # Six standard deviations of a Poisson count.
    assert np.all(np.abs(counts - expected) <= 6 * np.sqrt(expected))
    assert np.all(np.diff(arrivals) >= 0)


def test_arrivals_within_a_bin_are_poisson() -> None:
    arrivals = poisson_arrivals(
        np.array([0.0, 1000.0]), np.array([20_000.0]), np.random.default_rng(1)
    )
    gaps = np.diff(arrivals)
    # The gaps of a Poisson process are exponential: their standard deviation is their mean.
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)


def test_the_same_seed_gives_the_same_requests_and_another_seed_others() -> None:
    scenario = TraceScenario()
    first, again, other = (scenario.schedule(seed) for seed in (3, 3, 4))

    assert np.array_equal(first.seconds, again.seconds)
    assert np.array_equal(first.output_tokens, again.output_tokens)
    assert not np.array_equal(first.seconds[:100], other.seconds[:100])


def test_a_trace_played_faster_keeps_its_rate_and_shortens_its_time() -> None:
    scenario = TraceScenario(two_services(), hour(50), hour(100), speed=5.0, scale=0.4)

    assert scenario.duration_seconds == pytest.approx(10.0)
    climbing, level = scenario.mean_rates(np.array([1.0, 9.0]), window_seconds=2.0)
    # Trace bins 5 and 9, of 10 s: 50 and 90 requests, of which 0.4 are kept.
    assert climbing == pytest.approx([2.0, 3.6])
    assert level == pytest.approx([2.0, 2.0])


def test_expected_rates_are_those_of_the_drawn_requests() -> None:
    scenario = TraceScenario()
    drawn = scenario.schedule(seed=0)
    centers = np.arange(30.0, scenario.duration_seconds, 60.0)
    expected = scenario.mean_rates(centers, window_seconds=60.0).sum(axis=0) * 60.0

    counts = np.histogram(drawn.seconds, np.append(centers - 30.0, centers[-1] + 30.0))[0]
    assert np.all(np.abs(counts - expected) <= 6 * np.sqrt(expected))


def test_the_warm_up_is_the_load_before_the_start() -> None:
    scenario = TraceScenario(two_services(), hour(50), hour(100), speed=1.0, scale=100.0)
    schedule = scenario.schedule(seed=0, warmup_seconds=10.0)
    warmup = schedule.seconds < 0

    assert schedule.seconds[0] >= -10.0
    # Bin 4: 40 + 50 requests, a hundred times.
    assert warmup.sum() == pytest.approx(9000, rel=0.1)


def test_requests_take_their_own_services_pairs_of_lengths() -> None:
    schedule = TraceScenario(two_services(), 0.0, hour(100), speed=1.0, scale=1.0).schedule(0)
    climbing = schedule.service == schedule.services.index("climbing")

    # Three pairs: in every three requests that follow one another each comes once.
    assert sorted(schedule.input_tokens[climbing][:3].tolist()) == [100, 200, 300]
    assert np.array_equal(schedule.input_tokens[climbing], 100 * schedule.output_tokens[climbing])
    assert set(schedule.input_tokens[~climbing].tolist()) == {7}
    assert set(schedule.output_tokens[~climbing].tolist()) == {9}


def test_the_mean_length_does_not_jump_from_one_bin_to_the_next() -> None:
    schedule = TraceScenario().schedule(seed=0)
    answers = schedule.output_tokens[schedule.service == schedule.services.index("conversation")]
    means = answers[: len(answers) // 100 * 100].reshape(-1, 100).mean(axis=1)
    # Independent lengths: the spread of means of a hundred is a tenth of the lengths' own.
    assert means.std() == pytest.approx(answers.std() / 10, rel=0.25)


def test_a_limit_keeps_the_first_requests() -> None:
    schedule = SteadyScenario(10.0, 5, 6, 100.0).schedule(seed=0)
    limited = schedule.limited_to(7)

    assert len(limited) == 7
    assert np.array_equal(limited.seconds, schedule.seconds[:7])


def test_recorded_arrivals_are_played_exactly(tmp_path: Path) -> None:
    path = tmp_path / "requests.parquet"
    arrivals = [0.5, 0.5, 3.25]
    columns = {"arrival_s": arrivals, "input_tokens": [1, 2, 3], "output_tokens": [4, 5, 6]}
    pq.write_table(pa.table(columns), path)

    schedule = RecordedScenario(path).schedule(seed=0)
    assert schedule.seconds.tolist() == arrivals
    assert schedule.input_tokens.tolist() == [1, 2, 3]
    assert RecordedScenario(path, speed=2.0).schedule(0).seconds.tolist() == [0.25, 0.25, 1.625]


def test_a_thinned_recording_keeps_each_request_with_its_lengths(tmp_path: Path) -> None:
    path = tmp_path / "requests.parquet"
    numbers = np.arange(1000)
    columns = {"arrival_s": numbers * 1.0, "input_tokens": numbers, "output_tokens": numbers}
    pq.write_table(pa.table(columns), path)

    schedule = RecordedScenario(path, scale=0.3).schedule(seed=0)
    assert 200 < len(schedule) < 400
    assert np.array_equal(schedule.seconds, schedule.input_tokens)


def test_the_bundled_day_shifts_its_mix() -> None:
    trace = bundled_trace()
    hourly = {
        name: counts.reshape(-1, 120).mean(axis=1) / trace.bin_seconds
        for name, counts in trace.requests.items()
    }
    assert hourly["code"][80] == pytest.approx(7.9, abs=0.1)
    assert hourly["code"][91] == pytest.approx(78.9, abs=0.1)
    assert hourly["conversation"][80:92].min() == pytest.approx(51.2, abs=0.1)
    assert hourly["conversation"][80:92].max() == pytest.approx(68.6, abs=0.1)
    inputs = {name: pool.input_tokens.mean() for name, pool in trace.lengths.items()}
    work = [sum(hourly[name][at] * inputs[name] for name in inputs) for at in (80, 91)]
    assert work[1] / work[0] == pytest.approx(2.9, abs=0.1)


def test_a_working_day_follows_one_that_is_like_it() -> None:
    scenario = WORKDAY.at(scale=0.25)
    hours = np.arange(scenario.start_hour, scenario.end_hour) * 3600.0 / scenario.speed
    replayed = hours - hours[0]

    today = scenario.mean_rates(replayed, window_seconds=60.0)
    day_before = scenario.mean_rates(replayed - scenario.day_seconds, window_seconds=60.0)
    for one, before in zip(today, day_before, strict=True):
        assert np.corrcoef(one, before)[0, 1] > 0.85
    weekend = TraceScenario(start_hour=83.0, end_hour=95.0, speed=60.0)
    code = weekend.services.index("code")
    other = weekend.mean_rates(replayed - weekend.day_seconds, window_seconds=60.0)[code]
    assert other.max() < day_before[code].max() / 2


@pytest.mark.parametrize("replay", AZURE_REPLAYS.values(), ids=AZURE_REPLAYS)
def test_a_replayed_day_is_a_whole_number_of_the_demos_bins(replay: AzureReplay) -> None:
    forecast = yaml.safe_load(OVERLAY.read_text())["spec"]["autoscaling"]["forecast"]
    assert replay.at(scale=0.25).day_seconds % forecast["resolutionSeconds"] == 0


def test_the_clock_is_that_of_the_replayed_day() -> None:
    scenario = TraceScenario()
    assert scenario.clock(0.0) == "day 3, 08:00"
    assert scenario.clock(285.0) == "day 3, 14:20"
    assert scenario.clock(-45.0) == "day 3, 07:00"
