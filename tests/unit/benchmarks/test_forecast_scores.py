import numpy as np
import pytest
from scripts.forecast_bench.clairvoyant import clairvoyant, without_itself
from scripts.forecast_bench.cold_start import cold_start
from scripts.forecast_bench.figures import ModelScores, figures
from scripts.forecast_bench.origins import QUANTILES, Walk, walk
from scripts.forecast_bench.ratio import ratio_relative_mae
from scripts.forecast_bench.reach import of_a_week
from scripts.forecast_bench.scores import (
    ReplicaScore,
    over_at_short,
    pinball,
    replicas,
    score,
    score_replicas,
)
from scripts.forecast_bench.series import AZURE_SERIES, BenchSeries, FloatArray, IntArray
from scripts.forecast_bench.staleness import LEADS_MINUTES, Staleness

from pd_forecasting import DampedTrend, Ewma, LastValue


def noisy(bins: int = 600, seed: int = 2) -> FloatArray:
    return np.random.default_rng(seed).poisson(100, bins).astype(np.float64)


def minutes(values: FloatArray) -> BenchSeries:
    return BenchSeries("made", values, 1, (5, 10))


def told(series: BenchSeries, origins: IntArray, ahead: FloatArray) -> Walk:
    """A forecaster that said `ahead` at every quantile of the first horizon."""
    points = np.column_stack([ahead, np.full(len(ahead), np.nan)])
    values = np.repeat(points[:, :, None], len(QUANTILES), axis=2)
    return Walk(series, origins, points, values, 0.0, 0.0)


def test_the_last_value_is_as_good_as_itself_and_an_average_of_noise_is_better() -> None:
    series = minutes(noisy())
    assert [one.relative_mae for one in score(walk(LastValue, series))] == [1.0, 1.0]
    assert all(one.relative_mae < 0.85 for one in score(walk(Ewma, series)))


def test_perfect_knowledge_has_no_error_and_covers_everything() -> None:
    series = minutes(noisy())
    origins = np.arange(300, 595, dtype=np.int64)
    (at,) = score(told(series, origins, series.values[origins + 5]))
    assert (at.relative_mae, at.pinball90_percent) == (0.0, 0.0)
    assert set(at.coverage_percent.values()) == {100.0}


def test_what_comes_after_an_origin_does_not_change_its_forecast() -> None:
    values = noisy()
    changed = values.copy()
    changed[450:] = 7.0
    before, after = (walk(Ewma, minutes(one), stride=7) for one in (values, changed))
    past = before.origins < 450
    np.testing.assert_array_equal(before.values[past], after.values[past])
    assert not np.array_equal(before.values[~past], after.values[~past])


def test_a_hole_is_neither_seen_nor_scored_and_the_last_known_value_is_held() -> None:
    values = noisy()
    values[400:420] = np.nan
    series = minutes(values)
    assert series.held[410] == values[399]
    found = walk(Ewma, series)
    assert np.isfinite(found.points).all()
    (at, _) = score(found)
    assert at.origins == len(found.origins) - 4 - 20


def test_horizons_without_an_answer_are_not_scored() -> None:
    series = minutes(noisy())
    origins = np.arange(300, 595, dtype=np.int64)
    silent = told(series, origins, np.full(len(origins), 100.0))
    silent.values[:] = np.nan
    (at,) = score(silent)
    assert at.lead_minutes == 5
    assert np.isnan(at.coverage_percent[0.9])


def test_pinball_loss_charges_what_is_above_a_high_quantile_nine_times_as_much() -> None:
    one = np.array([1.0])
    assert pinball(one + 1, one, 0.9) == pytest.approx(0.9)
    assert pinball(one - 1, one, 0.9) == pytest.approx(0.1)


def test_replicas_are_too_few_or_too_many_against_a_mean_need_of_eight() -> None:
    actual = np.linspace(50, 150, 5000)
    exact = score_replicas(actual, actual, 0.5)
    assert (exact.short_minutes_percent, exact.over_provisioning_percent) == (0.0, 0.0)
    doubled = score_replicas(actual, 2 * actual, 0.5)
    assert doubled.over_provisioning_percent == pytest.approx(94, abs=1)
    assert score_replicas(actual, 0.5 * actual, 0.5).short_minutes_percent == 100.0


def test_a_cold_start_knows_only_the_points_it_is_given() -> None:
    found = cold_start(DampedTrend, minutes(noisy()), stride=80)
    assert [one.points for one in found] == [5, 10, 20, 40, 90]
    assert np.isnan(found[0].relative_mae)  # it needs ten
    assert found[-1].relative_mae < 0.9


def test_a_ratio_forecast_as_the_last_ratio_is_as_good_as_itself() -> None:
    prefill, decode = minutes(noisy(seed=3)), minutes(noisy(seed=4))
    errors = ratio_relative_mae(walk(LastValue, prefill), walk(LastValue, decode))
    assert errors == {5: pytest.approx(1.0), 10: pytest.approx(1.0)}


def test_one_that_sees_the_future_knows_all_minutes_but_the_one_it_tells() -> None:
    values = noisy()
    changed = values.copy()
    changed[450] += 1000.0
    before, after = (without_itself(one, 3.0) for one in (values, changed))
    assert before[450] == after[450]
    assert (after[447:450] > before[447:450]).all()
    errors = [one.relative_mae for one in score(clairvoyant(minutes(values)))]
    assert errors == [pytest.approx(0.72, abs=0.05)] * 2  # noise of one minute, not of two


def test_a_week_has_the_working_day_of_the_shared_days_four_times() -> None:
    series = minutes(noisy(4 * 1440))
    origins = np.arange(3 * 1440 - 5, 3 * 1440 + 5, dtype=np.int64)
    week = of_a_week(told(series, origins, origins.astype(np.float64)))
    assert len(week.origins) == 5 + 4 * 5
    np.testing.assert_array_equal(week.points[:, 0], week.origins)
    np.testing.assert_array_equal(week.values[:, 0, 0], week.origins)


def test_figures_have_the_limits_that_are_published() -> None:
    found = walk(Ewma, minutes(noisy()))
    scores = ModelScores(
        model="Ewma",
        horizons={key: score(found) for key in (*AZURE_SERIES, "burstgpt")},
        replicas={key: [replicas(found, 0.975)] for key in AZURE_SERIES},
        ratios={},
        cold_start={"conv": cold_start(Ewma, minutes(noisy()), stride=80)},
        cost=None,
    )
    told = figures(scores, scores)
    goals = {one.name: one.goal for one in told}
    values = {one.name: one.value for one in told}
    assert goals["relative_mae_5min/conv"] == 0.836
    assert goals["relative_mae_10min/burstgpt"] == 0.761
    assert (goals["coverage90_min"], goals["coverage95_max"]) == (88.5, 96.0)
    assert goals["pinball90_vs_last_value/code25"] == 76.0
    assert goals["pinball975_vs_last_value/burstgpt"] == 68.0
    assert goals["over_at_1_short_vs_last_value/conv25"] == 71.0
    assert values["pinball975_vs_last_value/conv"] == pytest.approx(100.0)
    assert goals["cold_start_relative_mae_worst"] == 1.0


def test_surplus_is_told_where_one_minute_in_a_hundred_is_short() -> None:
    choices = [ReplicaScore(0.9, 4.0, 10.0), ReplicaScore(0.975, 0.25, 30.0)]
    assert over_at_short(choices, 1.0) == pytest.approx(20.0)
    assert np.isnan(over_at_short(choices, 0.1))


def test_what_a_minute_costs_is_told_of_the_loss_at_the_middle_lead() -> None:
    losses = tuple(2.0 + 0.04 * (lead - LEADS_MINUTES[2]) for lead in LEADS_MINUTES)
    found = Staleness("made", losses, losses, tuple(10 * loss for loss in losses))
    assert found.pinball90_minute == pytest.approx(2.0)
    assert found.over_minute == pytest.approx(0.4)
