import numpy as np
import pytest

from pd_operator.demand import DemandHistory

NAN = np.nan


def history(start: float, rates: list[float], step: float = 60.0) -> DemandHistory:
    lengths = np.full(len(rates), 100.0)
    return DemandHistory(start, step, np.array(rates), lengths, lengths / 10)


def test_a_newer_part_is_appended() -> None:
    joined = history(0, [1, 2, 3]).extended_with(history(180, [4, 5]))
    assert joined.requests_per_second.tolist() == [1, 2, 3, 4, 5]
    assert joined.end_seconds == 300


def test_where_both_know_a_bin_the_newer_decides_but_a_hole_takes_nothing_away() -> None:
    joined = history(0, [1, 2, 3]).extended_with(history(60, [NAN, 7, 8]))
    assert joined.requests_per_second.tolist() == [1, 2, 7, 8]


def test_a_gap_between_two_parts_is_missing_and_not_zero() -> None:
    joined = history(0, [1.0]).extended_with(history(180, [4.0]))
    np.testing.assert_array_equal(joined.requests_per_second, [1, NAN, NAN, 4])
    np.testing.assert_array_equal(joined.prompt_tokens_per_second, [100, NAN, NAN, 400])


def test_a_bin_without_requests_has_no_mean_length_and_no_tokens() -> None:
    idle = DemandHistory(0, 60, np.array([0.0, 2.0]), np.array([NAN, 50.0]), np.array([NAN, 5.0]))
    assert idle.prompt_tokens_per_second.tolist() == [0, 100]
    assert idle.output_tokens_per_second.tolist() == [0, 10]


@pytest.mark.parametrize(
    ("newer", "message"),
    [
        (history(180, [4], step=30), "bins of 30 s do not extend bins of 60.0 s"),
        (history(200, [4]), "not on the edges"),
        (history(-60, [4]), "begins before"),
    ],
)
def test_parts_that_do_not_fit_are_refused(newer: DemandHistory, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        history(0, [1, 2, 3]).extended_with(newer)


def test_arrays_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        DemandHistory(0, 60, np.ones(3), np.ones(2), np.ones(3))


def test_a_bin_must_last() -> None:
    with pytest.raises(ValueError, match="longer than 0 s"):
        history(0, [1], step=0)


def test_bins_older_than_asked_are_left_out() -> None:
    kept = history(0, [1, 2, 3, 4]).since(120)
    assert kept.requests_per_second.tolist() == [3, 4]
    assert (kept.start_seconds, kept.end_seconds) == (120, 240)
    assert history(300, [1.0]).since(120).start_seconds == 300


def test_bins_after_a_moment_begin_there_with_what_is_missing() -> None:
    later = history(120, [3, 4])
    np.testing.assert_array_equal(later.after(0).requests_per_second, [NAN, NAN, 3, 4])
    assert later.after(180).requests_per_second.tolist() == [4]
    assert len(later.after(240)) == 0
    assert later.after(0).end_seconds == later.end_seconds


def test_bins_that_end_later_than_asked_are_left_out() -> None:
    whole = history(60, [1, 2, 3, 4])
    assert whole.until(180).requests_per_second.tolist() == [1, 2]
    assert whole.until(180).end_seconds == 180
    assert len(whole.until(0)) == 0
    assert len(whole.until(6000)) == 4


def test_a_history_begins_with_the_first_bin_of_which_anything_is_known() -> None:
    rates, prompts = np.array([NAN, NAN, NAN, 4.0]), np.array([NAN, NAN, 300.0, NAN])
    known = DemandHistory(0, 60, rates, prompts, np.full(4, NAN)).trimmed()
    assert (known.start_seconds, len(known)) == (120, 2)
    assert len(DemandHistory(0, 60, *[np.full(3, NAN)] * 3).trimmed()) == 0
