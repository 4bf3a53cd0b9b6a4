"""A rhythm that the load itself showed: who speaks for it, from when on, and how surely."""

import pickle

import numpy as np
import pytest

from pd_forecasting import Hedge
from pd_forecasting.base import FloatArray
from pd_forecasting.experts import FOUND_SEASON

PERIOD, STEPS = 20, 5
LONGEST = 360.0


def waves(cycles: float, period: float = PERIOD, seed: int = 1) -> FloatArray:
    bins = np.arange(round(cycles * period))
    rate = 25 - 20 * np.cos(2 * np.pi * bins / period)
    return np.asarray(np.random.default_rng(seed).poisson(30 * rate) / 30, dtype=np.float64)


def seeking(load: FloatArray) -> Hedge:
    forecaster = Hedge(longest_season_bins=LONGEST)
    forecaster.fit(load, (STEPS,))
    return forecaster


def forecast(forecaster: Hedge) -> FloatArray:
    values: FloatArray = forecaster.forecast([STEPS], [0.1, 0.5, 0.9]).values[0]
    return values


def test_after_two_cycles_the_next_turn_is_foreseen() -> None:
    load = waves(4)
    for origin in (45, 52, 59, 66):
        expected = forecast(seeking(load[: origin + 1]))[1]
        assert expected == pytest.approx(load[origin + STEPS], rel=0.25, abs=2.0)
    unaware = Hedge()
    unaware.fit(load[:51], (STEPS,))
    assert abs(forecast(unaware)[1] - load[50 + STEPS]) > 8


def test_bins_that_show_a_rhythm_ask_for_a_fit_and_one_is_enough() -> None:
    load = waves(4)
    forecaster = seeking(load[:20])
    assert forecaster.found_season_bins is None
    due = None
    for origin in range(20, len(load)):
        forecaster.update(load[origin : origin + 1])
        if forecaster.refit_due:
            due = origin
            break
    assert due is not None
    assert due < 2.3 * PERIOD
    forecaster = seeking(load[: due + 1])
    assert not forecaster.refit_due
    assert forecaster.found_season_bins == pytest.approx(PERIOD, rel=0.1)
    assert forecaster.weights(STEPS)[FOUND_SEASON][-1] > 0.5


def test_errors_from_before_the_rhythm_was_known_widen_no_margin() -> None:
    load = waves(4)
    low, _, high = forecast(seeking(load))
    unaware = Hedge()
    unaware.fit(load, (STEPS,))
    low_before, _, high_before = forecast(unaware)
    assert high - low < 0.5 * (high_before - low_before)


@pytest.mark.parametrize("seed", [1, 4])
def test_a_rhythm_that_begins_after_calm_days_is_trusted_from_its_fit_on(seed: int) -> None:
    rng = np.random.default_rng(seed)
    calm = rng.poisson(30 * 25.0, 1000) / 30
    load = np.concatenate([calm, waves(6, seed=seed)])
    steps = PERIOD // 2  # when the last value is the farthest from what comes
    forecaster = Hedge(season_bins=2880, longest_season_bins=LONGEST)
    forecaster.fit(calm, (steps,))
    errors: list[list[float]] = []
    for origin in range(len(calm), len(load) - steps):
        forecaster.update(load[origin : origin + 1])
        if forecaster.refit_due:
            forecaster.fit(load[: origin + 1], (steps,))
        if forecaster.found_season_bins is not None:
            assert forecaster.error_vs_last_value(steps) < 1, f"{origin - len(calm)} bins after"
            came, median = load[origin + steps], forecaster.forecast([steps], [0.5]).values[0, 0]
            errors.append([abs(median - came), abs(load[origin] - came)])
    own, last_value = np.mean(errors, axis=0)
    assert own < 0.5 * last_value


def test_it_beats_the_last_value_as_soon_as_it_speaks() -> None:
    forecaster = seeking(waves(2.3))
    assert forecaster.found_season_bins is not None
    assert forecaster.error_vs_last_value(STEPS) < 0.5


def test_a_season_that_was_given_is_the_only_one() -> None:
    forecaster = Hedge(season_bins=96)
    forecaster.fit(waves(4), (STEPS,))
    assert forecaster.found_season_bins is None
    assert not forecaster.refit_due


def test_what_was_found_crosses_to_another_process() -> None:
    forecaster = seeking(waves(3))
    copied = pickle.loads(pickle.dumps(forecaster))
    for one in (forecaster, copied):
        one.update(waves(3.5)[60:])
    np.testing.assert_array_equal(forecast(copied), forecast(forecaster))


def test_a_period_of_no_whole_number_of_bins_keeps_its_phase() -> None:
    load = waves(9, period=23.3)
    errors = []
    forecaster = seeking(load[:70])
    for origin in range(70, len(load) - STEPS):
        forecaster.update(load[origin : origin + 1])
        errors.append(abs(forecast(forecaster)[1] - load[origin + STEPS]))
    assert np.mean(errors) < 3.0
