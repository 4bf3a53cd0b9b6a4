"""The report and the pictures, of a small made-up run."""

import math
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from pd_e2e.demo.archive import REQUESTS, TIMELINE, load_run, save_description
from pd_e2e.demo.forecast_error import forecasts_made
from pd_e2e.demo.oracle import GpusPerWorker, NeededWorkers
from pd_e2e.demo.report import write_comparison, write_picture, write_report
from pd_e2e.demo.report.pictures import picture
from pd_e2e.demo.report.windows import sliding_percentiles, sliding_share
from pd_e2e.demo.run import Run
from pd_e2e.demo.summary import summarize
from pd_e2e.demo.timeline import (
    Band,
    ForecastSample,
    PoolSample,
    TimelineSample,
    append_sample,
)
from pd_e2e.loadgen.live import Objectives
from pd_e2e.loadgen.records import STARTED, Outcome, RequestRecord, read_records, write_records
from pd_e2e.loadgen.scenario import TraceScenario
from pd_operator.api.roles import Role

STARTED_SECONDS = 1_700_000_000.0
DURATION = 180.0
SENTENCE = "The load in 40 s needs 3 <workers> & not 2"


def record(number: int) -> RequestRecord:
    failed = number == 100
    second = number * 0.2
    return RequestRecord(
        service="code",
        scheduled_seconds=second,
        sent_seconds=second,
        finished_seconds=second + 1,
        input_tokens=1000,
        output_tokens=10,
        prompt_tokens_counted=1000,
        output_tokens_received=10,
        ttft_seconds=math.nan if failed else 0.2 + 0.001 * (number % 50),
        tpot_seconds=math.nan if failed else 0.01,
        outcome=Outcome.RESET if failed else Outcome.OK,
        status=0 if failed else 200,
        detail="",
    )


def sample(second: int) -> TimelineSample:
    workers = 3 if second >= 60 else 2
    ready = 3 if second >= 100 else 2
    band = Band(4.0, 5.0, 6.0)
    made = ForecastSample(STARTED_SECONDS + second // 5 * 5, 40.0, band, band)
    return TimelineSample(
        unix_seconds=STARTED_SECONDS + second,
        prefill=PoolSample(workers, workers, ready),
        decode=PoolSample(2, 2, 2),
        prefill_forecast=made,
        decode_forecast=None if second < 20 else made,
        reason="ForecastNeedsMore",
        sentence=SENTENCE,
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run of three minutes with its files in `tmp_path`."""
    write_records(
        tmp_path / REQUESTS,
        [record(number) for number in range(900)],
        {STARTED: repr(STARTED_SECONDS)},
    )
    timeline = tuple(sample(second) for second in range(-10, int(DURATION)))
    for each in timeline:
        append_sample(tmp_path / TIMELINE, each)
    seconds = np.linspace(0.0, DURATION - 5, 36)
    return Run(
        scenario="azure-day",
        forecast_model="DampedTrend",
        load=TraceScenario(),
        duration_seconds=DURATION,
        requests=read_records(tmp_path / REQUESTS),
        timeline=timeline,
        objectives=Objectives(0.8, 0.017),
        goal_share=0.9,
        needed=NeededWorkers(seconds, 5.0, np.where(seconds < 120, 2, 3), np.full(36, 2)),
        gpus=GpusPerWorker(4, 4),
        forecast_bin_seconds=5.0,
    )


class _Page(HTMLParser):
    """Collects what a page refers to outside of itself, and its elements' names."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.elements: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        fetching = {"src", "href", "xlink:href", "data"}
        self.fetched += [
            value for name, value in attrs if name in fetching and value and value[0] != "#"
        ]


def test_the_report_is_one_file_with_its_plots_inline(run: Run, tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", run)
    page = _Page()
    page.feed((tmp_path / "report.html").read_text())

    assert page.fetched == []
    assert "script" not in page.elements
    assert page.elements.count("svg") == 6


def test_the_report_tells_every_decision_in_the_operators_words(run: Run, tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", run)
    text = (tmp_path / "report.html").read_text()

    assert "prefill 2 → 3" in text
    assert "The load in 40 s needs 3 &lt;workers&gt; &amp; not 2" in text
    assert "ready 20 s before the load needed it" in text


def test_a_run_in_which_nothing_worked_still_has_a_report(run: Run, tmp_path: Path) -> None:
    nothing = np.full(len(run.requests), math.nan)
    dead = replace(
        run,
        requests=replace(
            run.requests,
            ok=np.zeros(len(run.requests), dtype=bool),
            ttft_seconds=nothing,
            tpot_seconds=nothing,
        ),
        timeline=tuple(
            replace(each, prefill_forecast=None, decode_forecast=None) for each in run.timeline
        ),
    )
    write_report(tmp_path / "report.html", dead)
    assert "0.0%" in (tmp_path / "report.html").read_text()


def test_the_pictures_are_valid_svg_and_alike_for_alike_runs(run: Run, tmp_path: Path) -> None:
    write_picture(tmp_path / "a.svg", run)
    write_picture(tmp_path / "b.svg", run)
    write_comparison(tmp_path / "c.svg", {"with": run, "without": run})

    for name in ("a.svg", "c.svg"):
        assert ET.parse(tmp_path / name).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    assert (tmp_path / "a.svg").read_text() == (tmp_path / "b.svg").read_text()


def test_the_picture_shows_the_forecast_at_the_time_that_it_is_about(run: Run) -> None:
    load = picture(run).axes[0]
    (line,) = (each for each in load.lines if each.get_label() == "forecast, median")
    made = forecasts_made(run.timeline, Role.PREFILL)
    about = [
        each.made_unix_seconds + each.horizon_seconds - run.requests.started_unix_seconds
        for each in made
    ]
    assert about
    assert np.asarray(line.get_xdata()).tolist() == pytest.approx(about)
    assert load.get_ylim()[1] >= max(each.requests_per_second.high for each in made)


def test_a_run_read_from_its_folder_has_the_same_summary(run: Run, tmp_path: Path) -> None:
    save_description(tmp_path, run)
    assert summarize(load_run(tmp_path)) == summarize(run)


def test_a_sliding_share_has_gaps_where_there_are_few_requests() -> None:
    arrivals = np.linspace(0.0, 10.0, 101)
    share = sliding_share(arrivals, arrivals < 5.0, np.array([1.0, 5.0, 10.0, 30.0]), 4.0)
    assert np.isnan(share[[0, 3]]).all()
    assert share[1] == pytest.approx(39 / 40)
    assert share[2] == 0.0


def test_sliding_percentiles_leave_unknown_values_out() -> None:
    arrivals = np.linspace(0.0, 10.0, 101)
    values = np.where(arrivals < 5.0, np.nan, arrivals)
    rows = sliding_percentiles(arrivals, values, np.array([4.0, 10.0]), 4.0, (50,))
    assert np.isnan(rows[0, 0])
    assert rows[0, 1] == pytest.approx(np.median(arrivals[arrivals > 6.0]))
