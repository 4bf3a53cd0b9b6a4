"""DOPD on its own figures (arXiv 2511.20982 and the planner published with it)."""

import pytest

from pd_operator.planning.methods import dopd

LENGTHS = dopd.Lengths(prompt=1000, output=200)  # of the published planner's configuration


def test_the_published_memory_holds_226_sequences() -> None:
    assert dopd.published_concurrency(LENGTHS) == 226  # 2040 blocks, 9 of 128 tokens each


def test_the_published_ratio() -> None:
    assert dopd.ratio(0.10, 226, 200, 0.05) == pytest.approx(2.26)


def test_the_published_counts_forget_decode_in_prefill_and_the_duration_in_decode() -> None:
    few = dopd.as_published(10.0, LENGTHS, prefill_seconds=0.10, step_seconds=0.05)
    many = dopd.as_published(100.0, LENGTHS, prefill_seconds=0.10, step_seconds=0.05)
    assert (few.prefill, few.decode) == (3, 1)
    assert (many.prefill, many.decode) == (3, 5)  # ten times the load, no prefill worker more
    assert few.ratio == pytest.approx(2.26 / (100 / 226))


def test_the_correction_keeps_the_ratio_and_counts_by_little_s_law() -> None:
    counts = dopd.corrected(
        100.0,
        LENGTHS,
        prefill_seconds=0.10,
        wait_seconds=1e9,  # nothing to hurry for
        concurrency=226,
        step_seconds=0.05,
    )
    assert counts.decode_share == pytest.approx(100 * 200 * 0.05 / 226)
    assert counts.prefill_share == pytest.approx(100 * 0.10)
    assert counts.ratio == pytest.approx(2.26)
    assert (counts.prefill, counts.decode) == (10, 5)


def test_hardly_any_load_leaves_one_worker_of_each_role() -> None:
    counts = dopd.corrected(0.01, LENGTHS, 0.10, 1e9, 226, 0.05)
    assert (counts.prefill, counts.decode) == (1, 1)


def test_a_first_token_objective_takes_prefill_below_full_use() -> None:
    hurried = dopd.corrected(100.0, LENGTHS, 0.10, 0.5, 226, 0.05)
    assert hurried.prefill_share == pytest.approx(100 / (10 - 2))
    assert hurried.decode == 5


def test_fewer_prefill_than_decode_workers_can_be_said() -> None:
    counts = dopd.corrected(100.0, dopd.Lengths(100, 2000), 0.01, 1.0, 200, 0.03)
    assert counts.prefill < counts.decode
    assert counts.ratio < 0.1


def test_an_objective_that_leaves_no_time_is_refused() -> None:
    for left in (0.10, 0.05, 0.0, -1.0):
        with pytest.raises(ValueError, match="no time for a mean prompt"):
            dopd.corrected(1.0, LENGTHS, 0.10, left, 226, 0.05)
