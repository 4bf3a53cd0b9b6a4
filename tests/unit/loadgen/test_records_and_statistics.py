"""Records survive the file; statistics judge every offered request."""

import math
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pd_e2e.loadgen.live import LiveStatistics, Objectives
from pd_e2e.loadgen.prompts import PromptText
from pd_e2e.loadgen.records import (
    STARTED,
    Outcome,
    RequestRecord,
    read_records,
    write_records,
)

GOOD = RequestRecord(
    service="code",
    scheduled_seconds=1.0,
    sent_seconds=1.001,
    finished_seconds=3.0,
    input_tokens=10,
    output_tokens=5,
    prompt_tokens_counted=10,
    output_tokens_received=5,
    ttft_seconds=0.5,
    tpot_seconds=0.02,
    outcome=Outcome.OK,
    status=200,
    detail="",
)
OBJECTIVES = Objectives(ttft_seconds=1.0, tpot_seconds=0.03)


def live_with(*records: RequestRecord) -> LiveStatistics:
    live = LiveStatistics(OBJECTIVES)
    for record in records:
        live.sent(record.scheduled_seconds)
        live.finished(record)
    return live


def test_records_survive_the_file(tmp_path: Path) -> None:
    path = tmp_path / "run.parquet"
    failed = replace(GOOD, outcome=Outcome.RESET, ttft_seconds=math.nan, tpot_seconds=math.nan)
    write_records(path, [GOOD, failed], {STARTED: "1700000000.25"})
    table = read_records(path)

    assert table.started_unix_seconds == 1700000000.25
    assert table.ok.tolist() == [True, False]
    assert table.ttft_seconds[0] == pytest.approx(0.5)
    assert math.isnan(table.ttft_seconds[1])
    assert table.scheduled_seconds.tolist() == [1.0, 1.0]


def test_a_run_without_requests_is_a_valid_file(tmp_path: Path) -> None:
    path = tmp_path / "run.parquet"
    write_records(path, [], {STARTED: "0.0"})
    assert len(read_records(path)) == 0


def test_another_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    pq.write_table(pa.table({"x": [1]}), path)
    with pytest.raises(ValueError, match="no file of request records"):
        read_records(path)


def test_the_warm_up_is_not_judged(tmp_path: Path) -> None:
    path = tmp_path / "run.parquet"
    write_records(path, [replace(GOOD, scheduled_seconds=-1.0), GOOD], {STARTED: "0.0"})
    assert read_records(path).judged().scheduled_seconds.tolist() == [1.0]

    statistics = live_with(replace(GOOD, scheduled_seconds=-1.0)).at(0.0, 0.0)
    assert (statistics.offered, statistics.finished) == (0, 0)
    assert statistics.joint_attainment is None


@pytest.mark.parametrize(
    ("changes", "ttft", "tpot"),
    [
        ({}, True, True),
        ({"ttft_seconds": 1.0, "tpot_seconds": 0.03}, True, True),
        ({"ttft_seconds": 1.01}, False, True),
        ({"tpot_seconds": 0.031}, True, False),
        ({"tpot_seconds": math.nan}, True, True),
        ({"ttft_seconds": math.nan}, False, True),
        ({"outcome": Outcome.SHORT}, False, False),
        ({"outcome": Outcome.TIMEOUT, "ttft_seconds": math.nan}, False, False),
    ],
)
def test_an_objective_is_met_by_requests_that_ended_well_in_time(
    changes: dict[str, float], ttft: bool, tpot: bool
) -> None:
    record = replace(GOOD, **changes)  # type: ignore[arg-type]  # a parametrized set of fields
    assert record.meets_ttft(OBJECTIVES.ttft_seconds) == ttft
    assert record.meets_tpot(OBJECTIVES.tpot_seconds) == tpot

    statistics = live_with(record).at(4.0, 0.0)
    assert statistics.joint_attainment == float(ttft and tpot)


def test_the_recent_shares_forget_what_is_older_than_their_window() -> None:
    missed = replace(GOOD, ttft_seconds=9.0, finished_seconds=1.0)
    live = live_with(missed, replace(GOOD, finished_seconds=25.0))

    assert live.at(30.0, 0.0).ttft_attainment_recent == 0.5
    later = live.at(32.0, 0.0)
    assert later.ttft_attainment_recent == 1.0
    assert later.ttft_attainment == 0.5
    assert live.at(60.0, 0.0).ttft_attainment_recent is None


def test_the_offered_rate_is_that_of_the_last_ten_seconds() -> None:
    live = LiveStatistics(OBJECTIVES)
    for second in range(20):
        live.sent(float(second))
    assert live.at(19.0, 0.0).requests_per_second == 1.0


@pytest.mark.parametrize("words", [1, 2, 1000, 70_000, 200_000])
def test_a_prompt_has_exactly_the_asked_number_of_words(words: int) -> None:
    prompts = PromptText.random(seed=0)
    for number in (0, 1, 65_535, 123_456):
        prompt = prompts.prompt(words, number)
        assert len(prompt.split(" ")) == words
        assert {len(word) for word in prompt.split(" ")} == {2}


def test_no_two_of_many_prompts_begin_alike() -> None:
    prompts = PromptText.random(seed=0)
    beginnings = {prompts.prompt(8, number) for number in range(20_000)}
    assert len(beginnings) == 20_000
