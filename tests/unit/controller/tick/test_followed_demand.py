"""A forecaster that follows a history: what a late scrape changes is seen as it is in the end."""

import numpy as np
import pytest

from pd_operator.api.roles import Role
from pd_operator.controller.tick.followed_demand import FollowedDemand
from pd_operator.demand import (
    Demand,
    DemandHistory,
    FittedDemand,
    FloatArray,
    LengthDistribution,
    fit_demand,
)

STEP, FITTED, BINS = 60.0, 120, 180
LEAD = 300.0
SHAPE = Demand(20.0, LengthDistribution.constant(1000.0), LengthDistribution.constant(200.0))


def loads() -> FloatArray:
    return np.random.default_rng(1).poisson(60.0, BINS).astype(np.float64)


def history(rates: FloatArray) -> DemandHistory:
    lengths = np.full(len(rates), 1000.0)
    return DemandHistory(0.0, STEP, rates, lengths, lengths / 5)


def fit(rates: FloatArray) -> FittedDemand:
    return fit_demand(history(rates), "Hedge", season_seconds=0.0, horizons_seconds=[LEAD])


def upper_edge(fitted: FittedDemand) -> float:
    return fitted.forecast(Role.PREFILL, LEAD, 90, SHAPE).tokens_per_second.high


def test_one_new_bin_at_a_time_is_as_good_as_a_history_at_once() -> None:
    rates = loads()
    fitted = fit(rates[:FITTED])
    followed, kept = FollowedDemand.fitted(fitted), 0
    for bins in range(FITTED + 1, BINS + 1):
        before, followed = followed, followed.shown(history(rates[:bins]))
        assert followed.newest.end_seconds == bins * STEP
        kept += followed.settled is before.settled
    at_once = upper_edge(fitted.updated(history(rates)))
    assert upper_edge(followed.newest) == pytest.approx(at_once, rel=1e-9)
    assert kept > 50  # in a minute in which no bin changed, only the new one is learned


@pytest.mark.parametrize("late", [1, 2])
def test_a_bin_that_a_late_scrape_changes_counts_as_it_is_in_the_end(late: int) -> None:
    rates = loads()
    fitted = fit(rates[:FITTED])
    followed = FollowedDemand.fitted(fitted)
    for bins in range(FITTED + 1, BINS + 1):
        read = rates[:bins].copy()
        if bins % 7 == 0:
            read[-late:] /= 2  # the scrape is late; the next minute it is there
        followed = followed.shown(history(read))
    at_once = upper_edge(fitted.updated(history(rates)))
    assert upper_edge(followed.newest) == pytest.approx(at_once, rel=1e-9)


def test_what_is_sure_is_seen_once_there_is_enough_of_it() -> None:
    rates = loads()
    followed = FollowedDemand.fitted(fit(rates[:FITTED]))
    for bins in range(FITTED + 1, BINS + 1):
        followed = followed.shown(history(rates[:bins]))
        assert bins * STEP - followed.settled.end_seconds <= 25 * STEP


def test_a_history_holds_its_own_bins_and_no_others() -> None:
    whole = history(np.array([1.0, np.nan, 3.0, 4.0]))
    assert whole.holds(whole.since(2 * STEP))
    assert whole.holds(whole.until(2 * STEP))
    assert not whole.until(2 * STEP).holds(whole.since(STEP))
    assert not whole.since(STEP).holds(whole)
    assert not whole.holds(history(np.array([1.0, 2.0])))
