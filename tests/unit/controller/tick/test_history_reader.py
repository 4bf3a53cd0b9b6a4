"""How much of the past is read, and how often it is asked for."""

import numpy as np
import pytest

from pd_operator.api.autoscaling import ForecastSpec
from pd_operator.api.names import ServiceKey
from pd_operator.controller.tick import history_reader
from pd_operator.controller.tick.history_reader import MAXIMUM_BINS, HistoryReader
from pd_operator.demand import FloatArray

from .history_source import MemoryArchive

KEY = ServiceKey("team", "chat")
NOW = 1_790_000_010.0
DAY = 86_400
END = NOW // 60 * 60


def clock(ends: FloatArray) -> FloatArray:
    """A load by which every bin can be told from the others."""
    return ends % 604_800


def past_of(**spec: int) -> HistoryReader:
    return HistoryReader(KEY, ForecastSpec(**({"resolution_seconds": 60} | spec)))


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, one reading has the time for all pieces."""
    monkeypatch.setattr(history_reader, "PATIENCE_SECONDS", 600.0)


def holds_all(read: HistoryReader, since: float, end: float) -> bool:
    history = read.history
    assert history is not None
    assert (history.start_seconds, history.end_seconds) == (since, end)
    ends: FloatArray = since + 60.0 * np.arange(1, len(history) + 1, dtype=np.float64)
    return bool(np.array_equal(history.requests_per_second, clock(ends)))


async def test_days_of_minutes_are_read_in_pieces_that_prometheus_answers() -> None:
    archive = MemoryArchive(clock, since_seconds=0)
    read = past_of(history_days=30)
    await read.read(archive, NOW)
    assert read.complete
    assert holds_all(read, END - 30 * DAY, END)
    assert all(end - start <= 60 * MAXIMUM_BINS for start, end in archive.asked)
    assert archive.asked[0] == (END - 60 * MAXIMUM_BINS, END), "the newest piece comes first"


async def test_a_prometheus_with_ten_minutes_of_data_gives_ten_bins() -> None:
    archive = MemoryArchive(clock, since_seconds=END - 600)
    read = past_of()
    await read.read(archive, NOW)
    assert read.complete
    assert holds_all(read, END - 600, END)


async def test_an_empty_prometheus_gives_no_bin_and_the_first_one_when_it_comes() -> None:
    archive = MemoryArchive(clock, since_seconds=END + 120)
    read = past_of()
    await read.read(archive, NOW)
    assert read.history is not None
    assert len(read.history) == 0
    await read.read(archive, NOW + 180)
    assert read.history.end_seconds == END + 180
    assert read.history.requests_per_second[-1] == clock(np.array([END + 180]))[0]


async def test_only_what_ended_since_is_asked_for_again_with_two_bins_that_may_be_late() -> None:
    archive = MemoryArchive(clock, since_seconds=0)
    read = past_of(history_days=1)
    await read.read(archive, NOW)
    archive.asked.clear()
    await read.read(archive, NOW + 20)
    assert archive.asked == []
    await read.read(archive, NOW + 60)
    assert archive.asked == [(END - 120, END + 60)]
    assert holds_all(read, END + 60 - DAY, END + 60), "what is older than a day is forgotten"


async def test_a_slow_prometheus_is_asked_for_less_at_once_until_it_answers() -> None:
    archive = MemoryArchive(clock, since_seconds=0, maximum_bins=200)
    read = past_of(history_days=1)
    for _ in range(40):
        await read.read(archive, NOW)
    assert read.complete
    assert holds_all(read, END - DAY, END)
    assert read.fault is None


async def test_a_prometheus_that_is_away_is_named_and_what_was_read_stays() -> None:
    archive = MemoryArchive(clock, since_seconds=0)
    read = past_of(history_days=1)
    await read.read(archive, NOW)
    archive.away = True
    await read.read(archive, NOW + 60)
    assert read.fault == "Prometheus does not answer."
    assert holds_all(read, END - DAY, END)
    archive.away = False
    await read.read(archive, NOW + 3600)
    assert read.fault is None
    assert holds_all(read, END + 3600 - DAY, END + 3600), "the outage itself is read afterwards"


async def test_pieces_that_cannot_be_answered_do_not_burden_every_tick() -> None:
    archive = MemoryArchive(clock, since_seconds=0)
    read = past_of(history_days=7)

    def only_newest(ends: FloatArray) -> FloatArray:
        archive.away = True
        return clock(ends)

    archive.rate = only_newest
    for _ in range(20):
        await read.read(archive, NOW)
    asked = len(archive.asked)
    await read.read(archive, NOW + 20)
    assert len(archive.asked) == asked
    archive.away, archive.rate = False, clock
    await read.read(archive, NOW + history_reader.OLDER_AGAIN_SECONDS)
    assert read.complete


@pytest.mark.parametrize("step", [7, 13, 3600])
async def test_a_step_that_does_not_divide_a_day_is_read_in_whole_bins(step: int) -> None:
    archive = MemoryArchive(clock, since_seconds=0)
    read = past_of(history_days=1, resolution_seconds=step)
    await read.read(archive, NOW)
    await read.read(archive, NOW + 3 * step)
    assert read.history is not None
    assert len(read.history) == DAY // step


@pytest.mark.parametrize("jump", [-7200.0, 40 * DAY])
async def test_a_clock_that_jumps_does_no_harm(jump: float) -> None:
    archive = MemoryArchive(clock, since_seconds=0)
    read = past_of(history_days=1)
    await read.read(archive, NOW)
    await read.read(archive, NOW + jump)
    assert holds_all(read, max(END, END + jump) - DAY, max(END, END + jump))


async def test_a_gap_is_missing_and_older_bins_before_it_are_found() -> None:
    def with_hole(ends: FloatArray) -> FloatArray:
        hole = (ends > END - 5 * DAY) & (ends <= END - 2 * DAY)
        return np.where(hole, np.nan, clock(ends))

    read = past_of(history_days=7)
    await read.read(MemoryArchive(with_hole, since_seconds=0), NOW)
    assert read.history is not None
    assert len(read.history) == 7 * 1440
    assert np.count_nonzero(np.isnan(read.history.requests_per_second)) == 3 * 1440
