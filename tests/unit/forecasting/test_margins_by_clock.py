"""Margins of a load with a rhythm: errors of earlier days around this time count for a third."""

import numpy as np
import pytest

from pd_forecasting.base import FloatArray
from pd_forecasting.margins import PastErrors, margins

DAY, NOON = 240, 120
CALM = 0.1


def rough_noons(until: int, noon: int = NOON) -> FloatArray:
    """Errors of at most `CALM`, but 1 for the two hours around noon."""
    errors = np.random.default_rng(2).uniform(-CALM, CALM, until)
    errors[np.abs(np.arange(until) % DAY - noon) <= 10] = 1.0
    return errors


def margin(errors: FloatArray, share: float = 0.8, season: int = DAY) -> float:
    return ahead(errors, 1, share, season)


def ahead(errors: FloatArray, steps: int, share: float = 0.8, season: int = DAY) -> float:
    always = np.ones(len(errors), dtype=bool)
    known = PastErrors(errors, np.full(len(errors), 10.0), always, len(errors))
    return float(margins(known, 10.0, steps, (share,), season)[0])


def test_a_noon_that_was_always_rough_is_met_with_a_wide_margin() -> None:
    before_noon = rough_noons(3 * DAY + NOON - 11)
    assert margin(before_noon) > 5 * margin(before_noon, season=0)


def test_a_night_that_was_always_calm_is_not_charged_for_noons() -> None:
    at_night = rough_noons(3 * DAY)
    assert margin(at_night, share=0.93) < 0.5 * margin(at_night, share=0.93, season=0)


def test_the_time_of_day_is_that_of_the_forecast_not_of_the_last_error_known() -> None:
    """Thirty bins ahead, the newest error was made thirty bins before the forecast to come."""
    errors = rough_noons(3 * DAY + NOON - 30)
    far, near = (ahead(errors, steps) for steps in (30, 1))
    assert far > 5 * near


def test_a_bad_hour_of_today_is_no_earlier_days_noon() -> None:
    """The newest errors count among all; as this time of day they would count twice."""
    errors = np.random.default_rng(4).uniform(-CALM, CALM, 3 * DAY)
    errors[-11:] = 1.0
    assert margin(errors) == pytest.approx(margin(errors, season=0), rel=0.3)


def test_without_an_earlier_day_all_errors_count_alike() -> None:
    errors = rough_noons(DAY // 2)
    assert margin(errors) == margin(errors, season=0)


def test_the_error_to_come_counts_as_one_of_all_that_are_weighed_not_as_the_weightiest() -> None:
    """Of three days of hours, a day's hour weighs some seven times what another one does."""
    errors = np.random.default_rng(6).uniform(-CALM, CALM, 3 * 24)
    errors[12] = 100 * CALM
    assert margin(errors, share=0.95, season=24) < 2 * CALM
