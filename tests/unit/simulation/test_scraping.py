"""What a policy knows is what scrapes told."""

import math
from itertools import pairwise

import numpy as np
import pytest

from pd_operator.demand import DemandHistory
from pd_operator.scaling.observation import Known, Unknown
from pd_operator.simulation import Pools, PoolSnapshot, Requests, Snapshot, WorkerSnapshot
from pd_operator.simulation.load_watch import LoadWatch
from pd_operator.simulation.scraping import Scraped, Scraping

RATE = 4


def worker(waiting: int) -> WorkerSnapshot:
    return WorkerSnapshot(0, 0, waiting, 0, 0, 0, 0, 1, 0, 0.0)


def moment(at: float, seconds: float) -> Snapshot:
    """`RATE` requests per second came and were answered in the `seconds` before; some wait."""
    came = np.linspace(at - seconds, at, round(RATE * seconds) + 1)[1:]
    load = Requests.of(came, 100, 10)
    times = np.full(len(load), 0.1, dtype=np.float32)
    pool = PoolSnapshot((worker(round(at)),), draining=0, starting=0, busy_seconds=0.0)
    return Snapshot(at, load, load, times, times, pool, pool)


class Onlooker:
    """Remembers what it was shown; wants one more prefill worker each time."""

    period_seconds = 15.0

    def __init__(self) -> None:
        self.shown: list[Snapshot] = []

    def decide(self, snapshot: Snapshot) -> Pools:
        self.shown.append(snapshot)
        return Pools(len(self.shown), 1)


def shown(scraping: Scraping, until: float, *, holds: bool = False) -> list[Snapshot]:
    """What a policy sees until then."""
    onlooker = Onlooker()
    scraped = Scraped(onlooker, scraping, seed=1, holds_when_blind=holds)
    step = scraping.interval_seconds
    for at in np.arange(step, until + step / 2, step):
        scraped.decide(moment(float(at), step))
    return onlooker.shown


def test_the_policy_is_asked_at_its_own_period_and_its_word_stands_between() -> None:
    onlooker = Onlooker()
    scraped = Scraped(onlooker, Scraping())
    wanted = [scraped.decide(moment(at, 5.0)).prefill for at in np.arange(5.0, 61.0, 5.0)]
    assert [one.time_seconds for one in onlooker.shown] == [15.0, 30.0, 45.0, 60.0]
    assert wanted == [1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4]


def test_every_request_is_told_once_a_delay_after_its_scrape() -> None:
    seen = shown(Scraping(delay_seconds=5.0), 150.0)
    assert [one.seen_seconds for one in seen[:3]] == [10.0, 25.0, 40.0]
    told = np.concatenate([one.arrived.arrival_seconds for one in seen])
    assert len(told) == RATE * seen[-1].seen_seconds
    assert (np.diff(told) > 0).all()


def test_what_a_failed_scrape_did_not_bring_the_next_one_does() -> None:
    seen = shown(Scraping(missed_share=0.4, delay_seconds=0.0), 600.0)
    assert any(one.time_seconds - one.seen_seconds > 5 for one in seen)
    for earlier, later in pairwise(seen):
        assert len(later.arrived) == RATE * (later.seen_seconds - earlier.seen_seconds)


def test_what_came_while_prometheus_was_away_is_never_known_and_said_to_be_so() -> None:
    seen = shown(Scraping(delay_seconds=0.0, away=((60.0, 120.0),)), 180.0)
    gaps = [one.unseen for one in seen if one.unseen]
    assert gaps == [(55.0, 120.0)]
    told = np.concatenate([one.arrived.arrival_seconds for one in seen])
    assert not ((told > 55.0) & (told <= 120.0)).any()


def test_a_policy_that_knows_no_unknown_is_not_asked_while_it_is_blind() -> None:
    asked = [one.time_seconds for one in shown(Scraping(away=((60.0, 200.0),)), 300.0, holds=True)]
    assert not [at for at in asked if 90 <= at <= 200]


def test_an_engines_gauges_are_as_old_as_their_last_refresh() -> None:
    seen = shown(Scraping(gauge_seconds=30.0), 90.0)
    waiting = [one.prefill.workers[0].waiting_requests for one in seen]
    assert waiting == [15, 15, 45, 45, 75, 75]


@pytest.fixture
def blind_for_two_minutes() -> tuple[LoadWatch, list[Snapshot]]:
    """A watch behind scrapes that stopped from 300 to 420 s."""
    seen = shown(Scraping(delay_seconds=0.0, away=((300.0, 420.0),)), 600.0)
    watch = LoadWatch(30.0, 60.0, None)
    return watch, seen


def test_bins_that_nobody_scraped_are_missing_and_not_empty(
    blind_for_two_minutes: tuple[LoadWatch, list[Snapshot]],
) -> None:
    watch, seen = blind_for_two_minutes
    for one in seen:
        watch.see(one)
    history: DemandHistory = watch.history
    missing = np.isnan(history.requests_per_second)
    assert np.flatnonzero(missing).tolist() == [9, 10, 11, 12, 13]
    assert history.requests_per_second[~missing] == pytest.approx(RATE)


def test_the_rate_after_a_gap_counts_from_its_end(
    blind_for_two_minutes: tuple[LoadWatch, list[Snapshot]],
) -> None:
    watch, seen = blind_for_two_minutes
    for one in seen:
        watch.see(one)
        demand = watch.demand(one.seen_seconds)
        if one.seen_seconds == 420.0:
            assert isinstance(demand, Unknown)
        else:
            assert isinstance(demand, Known)
            assert math.isclose(demand.value.requests_per_second, RATE)
