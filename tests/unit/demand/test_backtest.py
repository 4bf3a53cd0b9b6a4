"""A replay of the past is honest: it sees nothing of the future, and counts right."""

import numpy as np
import pytest

from pd_operator.demand import FloatArray, NotEnoughHistoryError
from pd_operator.demand.backtest import BacktestPlan, SeriesBacktest, backtest

HOUR = 3600.0
PLAN = BacktestPlan("Hedge", 0.0, (300.0, 600.0), maximum_origins=60, warm_up_seconds=2 * HOUR)


def noisy(bins: int = 600, seed: int = 5) -> FloatArray:
    waves = 20 + 8 * np.sin(np.arange(bins) / 60)
    return np.asarray(np.random.default_rng(seed).poisson(waves * 60) / 60.0, dtype=np.float64)


def replay(loads: FloatArray, plan: BacktestPlan = PLAN) -> SeriesBacktest:
    return backtest("load", loads, 60.0 * len(loads), 60.0, plan)


@pytest.fixture(scope="module")
def replayed() -> SeriesBacktest:
    return replay(noisy())


def test_each_forecast_is_of_the_bins_that_lie_its_horizons_ahead(replayed: SeriesBacktest) -> None:
    loads = noisy()
    bins = (replayed.seconds / 60).astype(int) - 1
    np.testing.assert_array_equal(replayed.last[0], loads[bins])
    for row, steps in enumerate((5, 10)):
        known = bins + steps < len(loads)
        np.testing.assert_array_equal(replayed.actual[row][known], loads[bins[known] + steps])
        assert np.isnan(replayed.actual[row][~known]).all()
    assert bins[0] == 120
    assert len(bins) <= 60


@pytest.mark.parametrize("model", ["Hedge", "DampedTrend", "HarmonicRegression"])
def test_nothing_later_than_a_forecast_has_a_say_in_it(model: str) -> None:
    plan = BacktestPlan(
        model, 7200.0, (300.0,), maximum_origins=30, warm_up_seconds=HOUR, refit_seconds=HOUR
    )
    other = noisy()
    other[400:] *= 7
    first, second = replay(noisy(), plan), replay(other, plan)
    early = first.seconds <= 400 * 60
    assert 5 < early.sum() < len(early)
    np.testing.assert_array_equal(first.own[:, early], second.own[:, early])
    np.testing.assert_array_equal(first.quantiles[:, early], second.quantiles[:, early])
    assert not np.array_equal(first.own, second.own)


def test_scores_are_what_their_definitions_say(replayed: SeriesBacktest) -> None:
    score = replayed.scores[0]
    actual, used, last = replayed.actual[0], replayed.used[0], replayed.last[0]
    error, other = np.abs(actual - used).mean(), np.abs(actual - last).mean()
    assert score.error_as_used == pytest.approx(error / other)
    assert score.error_percent == pytest.approx(100 * error / actual.mean())
    edge = replayed.quantiles[0, :, 2]
    assert score.coverage[90] == pytest.approx(np.mean(actual <= edge))
    assert score.origins == len(actual)


def test_on_waves_with_noise_the_hedge_beats_the_last_value_and_covers(
    replayed: SeriesBacktest,
) -> None:
    for score in replayed.scores:
        assert score.error_vs_last_value < 1
        assert score.trusted > 0.75  # from the third hour on: regressions are tried for an hour
        assert 0.8 <= score.coverage[90] <= 1
        assert score.coverage[5] < score.coverage[50] < score.coverage[95]


def test_the_shares_of_the_experts_sum_to_one(replayed: SeriesBacktest) -> None:
    total = np.sum(list(replayed.shares.values()), axis=0)
    np.testing.assert_allclose(total, 1.0)
    assert "last value" in replayed.shares
    assert not replay(noisy(), BacktestPlan("Ewma", 0.0, (300.0,), maximum_origins=20)).shares


def test_an_expert_is_worth_what_it_said_alone_against_the_last_value(
    replayed: SeriesBacktest,
) -> None:
    scores = {score.name: score for score in replayed.experts}
    most = max(scores.values(), key=lambda score: score.share)
    assert most.error_vs_last_value < 0.9
    for name, score in scores.items():
        said, shares = replayed.said[name], replayed.shares[name]
        known = ~np.isnan(said)
        own = np.abs(replayed.actual[0] - said)[known].mean()
        last = np.abs(replayed.actual[0] - replayed.last[0])[known].mean()
        assert score.error_vs_last_value == pytest.approx(own / last)
        assert score.share == pytest.approx(shares.mean())
        assert score.least_share <= score.share <= score.most_share
    silent = set(replayed.shares) - set(scores)
    assert "season found" in silent
    assert all((replayed.shares[name] == 0).all() for name in silent)


def test_where_the_model_loses_the_last_value_is_what_is_used() -> None:
    steps = np.repeat([10.0, 40.0, 15.0, 60.0, 20.0, 50.0, 12.0, 44.0], 60)
    plan = BacktestPlan("DampedTrend", 0.0, (60.0,), maximum_origins=200)
    score = replay(steps, plan).scores[0]
    assert score.trusted < 0.5
    assert score.error_vs_last_value > 1
    assert score.error_as_used < score.error_vs_last_value


def test_a_gap_is_judged_by_nothing_and_forecast_from_what_was_before() -> None:
    loads = noisy()
    loads[300:420] = np.nan
    found = replay(loads)
    bins = (found.seconds / 60).astype(int) - 1
    within = (bins >= 300) & (bins < 420)
    assert within.any()
    assert (found.last[0][within] == loads[299]).all()
    assert np.isfinite(found.used[0][within]).all()
    assert found.scores[0].origins < len(bins)


@pytest.mark.parametrize("loads", [np.full(300, 7.0), np.zeros(300)])
def test_a_constant_load_is_forecast_without_error(loads: FloatArray) -> None:
    score = replay(loads).scores[0]
    assert score.error_as_used == 1.0
    assert score.coverage[90] == 1.0
    assert score.error_percent == 0.0


@pytest.mark.parametrize("loads", [np.full(20, 1.0), np.full(500, np.nan), np.empty(0)])
def test_too_little_to_judge_is_said(loads: FloatArray) -> None:
    with pytest.raises(NotEnoughHistoryError, match="at least 20 are needed"):
        replay(loads)


def test_a_rhythm_is_followed_from_when_it_was_found() -> None:
    rng = np.random.default_rng(3)
    waves = 25 + 20 * np.sin(2 * np.pi * np.arange(240) / 20)
    loads = np.concatenate([rng.poisson(25 * np.ones(240) * 60), rng.poisson(waves * 60)]) / 60
    plan = BacktestPlan("Hedge", None, (300.0,), maximum_origins=150, warm_up_seconds=HOUR)
    replayed = replay(loads, plan)
    found = replayed.season_seconds
    begun = replayed.seconds[~np.isnan(found)][0] / 60
    assert 240 < begun < 240 + 3 * 20
    assert found[-1] == pytest.approx(1200, rel=0.05)
    late = replayed.seconds / 60 > 300
    missed = np.abs(replayed.used - replayed.actual)[0, late]
    held = np.abs(replayed.last - replayed.actual)[0, late]
    assert np.nanmean(missed) < 0.3 * np.nanmean(held)
    given = replay(loads, BacktestPlan("Hedge", 0.0, (300.0,), maximum_origins=40))
    assert np.isnan(given.season_seconds).all()
