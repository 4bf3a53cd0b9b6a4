"""How experts are followed: by how good they were of late, and by how sure that is."""

import numpy as np
import pytest

from pd_forecasting.base import FloatArray
from pd_forecasting.expert_losses import ExpertLosses, student_quantile

BINS = 240
ALL = np.ones((2, BINS), dtype=bool)


def misses(advantage: float, spread: float, bins: int = BINS) -> FloatArray:
    """Of the last value, always 1, and of an expert that is better by `advantage` on average."""
    wiggle = spread * np.where(np.arange(bins) % 2, 1.0, -1.0)
    return np.stack([np.ones(bins), 1.0 - advantage + wiggle])


def share_after(errors: FloatArray) -> float:
    losses = ExpertLosses.none(len(errors))
    for start in range(0, errors.shape[1], BINS):
        block = errors[:, start : start + BINS]
        losses = losses.after(block)
    shares = losses.shares(~np.isnan(block))
    np.testing.assert_allclose(shares.sum(axis=0), 1.0)
    return float(shares[-1, -1])


def test_an_expert_that_is_always_a_little_better_is_followed() -> None:
    assert share_after(misses(advantage=0.1, spread=0.0)) > 0.9


def test_one_that_is_better_on_average_and_often_much_worse_has_to_prove_it_longer() -> None:
    assert share_after(misses(advantage=0.1, spread=0.8)) < 0.2
    assert share_after(misses(advantage=0.1, spread=0.8, bins=6000)) > 0.6


def test_the_standard_error_is_of_the_advantage_and_not_of_the_error() -> None:
    """Errors that are large for all at the same time say nothing against an expert."""
    rough = np.where(np.arange(BINS) % 24 < 12, 0.1, 1.9)
    assert share_after(np.stack([rough, 0.9 * rough])) > 0.8


def test_what_is_worse_than_a_tenth_of_the_best_is_left_out() -> None:
    worse = np.stack([np.ones(BINS), np.full(BINS, 1.2)])
    assert share_after(worse) == 0.0


def test_equal_experts_are_followed_alike() -> None:
    assert share_after(misses(advantage=0.0, spread=0.0)) == pytest.approx(0.5, abs=0.01)


def test_hours_of_bad_luck_do_not_undo_one_that_was_better_for_days() -> None:
    """By the hour it is 1 % worse than the last value, by the days 7 % better."""
    errors = np.hstack([misses(0.1, 0.0, bins=6000), misses(-0.03, 0.0, bins=180)])
    assert share_after(errors[:, :6000]) > 0.9
    assert share_after(errors) > 0.55


def test_who_joins_late_is_tried_before_it_is_followed() -> None:
    errors = misses(advantage=0.5, spread=0.0)
    errors[1, :100] = np.nan
    shares = ExpertLosses.none(2).after(errors).shares(ALL)[1]
    assert (shares[:150] == 0.0).all()
    assert (shares[170:] > 0.9).all()


def test_who_was_there_from_the_first_bin_on_is_believed_meanwhile() -> None:
    assert share_after(misses(advantage=0.1, spread=0.2, bins=6)) > 0.3


def test_an_expert_that_was_good_for_long_is_left_within_two_hours_of_being_bad() -> None:
    errors = np.hstack([misses(0.3, 0.0, bins=2000), misses(-1.0, 0.0, bins=120)])
    assert share_after(errors[:, :2000]) > 0.9
    assert share_after(errors[:, :2060]) < 0.3
    assert share_after(errors) < 0.05


def test_before_there_are_errors_all_are_followed_alike() -> None:
    unknown = np.full((4, 3), np.nan)
    shares = ExpertLosses.none(4).after(unknown).shares(np.ones((4, 3), dtype=bool))
    np.testing.assert_array_equal(shares, 0.25)


def test_who_does_not_answer_has_no_share() -> None:
    answered = ALL.copy()
    answered[1] = False
    shares = ExpertLosses.none(2).after(misses(0.5, 0.0)).shares(answered)
    np.testing.assert_array_equal(shares[1], 0.0)
    np.testing.assert_array_equal(shares[0], 1.0)


@pytest.mark.parametrize(
    ("freedoms", "quantile"), [(3, 5.841), (5, 4.032), (10, 3.169), (30, 2.750), (120, 2.617)]
)
def test_the_quantile_of_student_s_t_is_that_of_the_tables(freedoms: int, quantile: float) -> None:
    found = student_quantile(0.995, np.array([float(freedoms)]))
    assert found[0] == pytest.approx(quantile, rel=0.01)
