"""The figures of a run, from records and timeline."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pd_e2e.demo.forecast_error import ForecastErrors, forecast_errors, forecasts_made
from pd_e2e.demo.offered import offered_rate
from pd_e2e.demo.oracle import GpusPerWorker, NeededWorkers
from pd_e2e.demo.run import Run
from pd_e2e.demo.summary import summarize
from pd_e2e.demo.timeline import (
    Band,
    ForecastSample,
    PoolSample,
    Timeline,
    TimelineSample,
    append_sample,
    pool_steps,
    read_timeline,
)
from pd_e2e.loadgen.live import Objectives
from pd_e2e.loadgen.records import RequestTable
from pd_e2e.loadgen.scenario import TraceScenario
from pd_operator.api.roles import Role

STARTED = 1_700_000_000.0
DURATION = 100.0


def band(median: float) -> Band:
    return Band(median * 0.8, median, median * 1.2)


def forecast(made: float, median: float, horizon: float = 10.0) -> ForecastSample:
    return ForecastSample(STARTED + made, horizon, band(median), band(median * 100))


def sample(
    second: float,
    prefill: tuple[int, int, int],
    decode: tuple[int, int, int],
    made: ForecastSample | None = None,
) -> TimelineSample:
    return TimelineSample(
        unix_seconds=STARTED + second,
        prefill=PoolSample(*prefill),
        decode=PoolSample(*decode),
        prefill_forecast=made,
        decode_forecast=made,
        reason="Steady",
        sentence="nothing to do",
    )


TIMELINE: Timeline = (
    sample(-5, (1, 1, 1), (2, 2, 2)),
    sample(20, (3, 3, 1), (2, 2, 2)),
    sample(50, (3, 3, 3), (1, 2, 1)),
    sample(80, (3, 3, 3), (1, 1, 1)),
)


def requests(scheduled: list[float], ttft: list[float], tpot: list[float]) -> RequestTable:
    seconds = np.array(scheduled)
    return RequestTable(
        started_unix_seconds=STARTED,
        scheduled_seconds=seconds,
        sent_seconds=seconds + 0.002,
        finished_seconds=seconds + 1,
        ttft_seconds=np.array(ttft),
        tpot_seconds=np.array(tpot),
        input_tokens=np.full(len(seconds), 100),
        output_tokens=np.full(len(seconds), 10),
        ok=~np.isnan(np.array(ttft)),
    )


def run_of(table: RequestTable, timeline: Timeline = TIMELINE) -> Run:
    steps = np.arange(0.0, DURATION, 10.0)
    prefill = np.where(steps < 60, 1, 3)
    return Run(
        scenario="azure-day",
        forecast_model="DampedTrend",
        load=TraceScenario(),
        duration_seconds=DURATION,
        requests=table,
        timeline=timeline,
        objectives=Objectives(ttft_seconds=1.0, tpot_seconds=0.05),
        goal_share=0.9,
        needed=NeededWorkers(steps, 10.0, prefill, np.ones_like(prefill)),
        gpus=GpusPerWorker(prefill=2, decode=4),
        forecast_bin_seconds=5.0,
    )


JUDGED = requests(
    scheduled=[-1.0, 1.0, 2.0, 3.0, 4.0],
    ttft=[9.0, 0.5, 1.5, math.nan, 0.6],
    tpot=[0.09, 0.01, 0.02, math.nan, 0.06],
)


def test_a_failed_request_missed_both_objectives_and_the_warm_up_is_not_judged() -> None:
    figures = summarize(run_of(JUDGED)).requests

    assert (figures.requests_offered, figures.requests_failed) == (4, 1)
    assert figures.ttft_attainment == 0.5
    assert figures.tpot_attainment == 0.5
    assert figures.joint_attainment == 0.25
    assert figures.ttft_seconds_p50 == pytest.approx(0.6)
    assert figures.generator_lag_seconds_max == pytest.approx(0.002)


def test_workers_are_counted_ready_and_paid_while_they_exist() -> None:
    summary = summarize(run_of(JUDGED))

    assert (summary.scaling.prefill_min, summary.scaling.prefill_max) == (1, 3)
    assert (summary.scaling.decode_min, summary.scaling.decode_max) == (1, 2)
    # Prefill: 1 for 20 s, then 3; decode: 2 until second 80, one of them draining from 50 on.
    assert summary.cost.gpu_seconds == 2 * (20 * 1 + 80 * 3) + 4 * (80 * 2 + 20 * 1)
    assert summary.cost.gpu_seconds_static_peak == 100 * (3 * 2 + 1 * 4)
    assert summary.cost.gpu_seconds_perfect_knowledge == 2 * (60 + 40 * 3) + 4 * 100


def test_scale_ups_and_downs_are_those_of_both_roles() -> None:
    scaling = summarize(run_of(JUDGED)).scaling
    assert (scaling.scale_ups, scaling.scale_downs) == (1, 1)
    assert (scaling.scale_ups_ahead, scaling.scale_ups_late) == (1, 0)


def test_workers_that_changed_their_role_are_counted_and_those_on_loan_at_one_time() -> None:
    assert summarize(run_of(JUDGED)).scaling.role_flips == 0
    lent = PoolSample(1, 1, 1, flipped=1)
    seen = (TIMELINE[0], replace(TIMELINE[1], decode=lent, role_flips=1), TIMELINE[2])
    scaling = summarize(replace(run_of(JUDGED), timeline=seen)).scaling
    assert (scaling.role_flips, scaling.flipped_max) == (1, 1)


def test_every_figure_that_the_acceptance_asks_for_is_there_as_json_has_it() -> None:
    figures = json.loads(json.dumps(summarize(run_of(JUDGED)).figures()))

    assert {
        *("requests_offered", "requests_failed"),
        *("ttft_attainment", "tpot_attainment", "joint_attainment"),
        *("prefill_min", "prefill_max", "decode_min", "decode_max"),
        *("scale_ups", "scale_downs", "scale_ups_ahead"),
        *("gpu_seconds", "gpu_seconds_static_peak", "forecast_relative_mae_at_lead"),
    } <= figures.keys()
    assert figures["forecast_relative_mae_at_lead"] is None


def test_a_run_without_requests_is_refused() -> None:
    with pytest.raises(ValueError, match="offered no request"):
        summarize(run_of(JUDGED.where(JUDGED.scheduled_seconds < 0)))


def test_a_run_in_which_every_request_failed_has_no_latencies() -> None:
    nothing = requests([1.0, 2.0], [math.nan, math.nan], [math.nan, math.nan])
    figures = summarize(run_of(nothing)).requests
    assert figures.ttft_seconds_p99 is None
    assert figures.joint_attainment == 0.0


def test_offered_load_is_counted_in_the_bin_that_ends_then() -> None:
    table = requests([1.0, 2.0, 6.0], [0.1] * 3, [0.01] * 3)
    at = np.array([5.0, 6.0, 20.0])
    assert offered_rate(table, at, 5.0).tolist() == [0.4, 0.4, 0.0]
    assert offered_rate(table, at, 5.0, table.input_tokens).tolist() == [40.0, 40.0, 0.0]


def test_a_forecast_is_held_against_the_load_at_its_lead_time() -> None:
    def actual(seconds: np.ndarray) -> np.ndarray:
        return seconds * 2.0

    errors = forecast_errors(
        [forecast(made=10.0, median=39.0), forecast(made=20.0, median=60.0)],
        lambda made: made.requests_per_second,
        actual,
        started_unix_seconds=STARTED,
        end_seconds=DURATION,
    )
    # Actual loads 40 and 60 against medians 39 and 60, and against last values 20 and 40.
    assert errors == ForecastErrors(median=1.0, last_value=40.0)
    assert errors.relative_mae == pytest.approx(1 / 40)


def test_forecasts_that_reach_past_the_end_or_come_from_before_the_start_are_not_judged() -> None:
    errors = forecast_errors(
        [forecast(made=-1.0, median=1.0), forecast(made=95.0, median=1.0)],
        lambda made: made.requests_per_second,
        lambda seconds: seconds,
        started_unix_seconds=STARTED,
        end_seconds=DURATION,
    )
    assert errors.relative_mae is None


def test_a_forecast_seen_in_many_samples_counts_once() -> None:
    made = forecast(10.0, 5.0)
    timeline = tuple(sample(s, (1, 1, 1), (1, 1, 1), made) for s in (11, 12, 13))
    assert forecasts_made(timeline, Role.DECODE) == (made,)


def test_a_timeline_survives_the_file_and_a_line_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "timeline.jsonl"
    written = (TIMELINE[0], replace(TIMELINE[1], prefill_forecast=forecast(1.0, 2.0)))
    for each in written:
        append_sample(path, each)
    with path.open("a") as file:
        file.write('{"unix_seconds": 17')
    assert read_timeline(path) == written


def test_an_empty_timeline_is_refused() -> None:
    with pytest.raises(ValueError, match="no samples"):
        pool_steps((), Role.PREFILL, STARTED)
