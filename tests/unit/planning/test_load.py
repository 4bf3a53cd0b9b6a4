import math

import numpy as np
import pytest

from pd_operator.planning.load import (
    ArrivedRequests,
    gap_scv,
    lognormal_lengths,
    measured_load,
    steady_load,
)
from pd_operator.planning.plan import PlanningError


def test_lognormal_slices_have_the_mean_and_nearly_the_variation() -> None:
    lengths = lognormal_lengths(1155.0, 0.96)
    assert lengths.mean == pytest.approx(1155.0)
    cv = math.sqrt(lengths.second_moment / lengths.mean**2 - 1)
    assert cv == pytest.approx(0.96, rel=0.03)
    assert list(lengths.tokens) == sorted(lengths.tokens)
    assert lognormal_lengths(100.0, 0.0).tokens == (100.0,)


def test_both_pools_carry_a_steady_load() -> None:
    load = steady_load(20.0, 1000, 200)
    assert load.prefill == load.decode
    assert load.requests_per_second == 20.0


def two_phases() -> ArrivedRequests:
    """Ten minutes of many short prompts with long answers, then of few long prompts."""
    first = np.arange(0.0, 600.0, 0.1)
    second = np.arange(600.0, 1200.0, 1.0)
    return ArrivedRequests(
        np.concatenate([first, second]),
        np.concatenate([np.full(len(first), 100.0), np.full(len(second), 9000.0)]),
        np.concatenate([np.full(len(first), 400.0), np.full(len(second), 10.0)]),
    )


def test_each_pool_is_sized_for_its_own_busiest_window() -> None:
    load = measured_load(two_phases(), window_seconds=300.0, percent=100.0)
    assert load.prefill.requests_per_second == pytest.approx(1.0, rel=0.05)
    assert load.prefill.prompt_tokens.mean == pytest.approx(9000)
    assert load.decode.requests_per_second == pytest.approx(10.0, rel=0.05)
    assert load.decode.output_tokens.mean == pytest.approx(400)


def test_a_trace_shorter_than_a_window_is_one() -> None:
    load = measured_load(two_phases(), window_seconds=86400.0, percent=95.0)
    assert load.requests_per_second == pytest.approx(6600 / 1199)


def test_the_context_is_that_of_prompts_and_answers_together() -> None:
    load = measured_load(two_phases(), window_seconds=300.0, percent=100.0)
    assert load.decode.context_tokens_mean == pytest.approx(100 + 400 / 2)


def test_variation_of_arrivals_is_measured() -> None:
    rng = np.random.default_rng(3)
    assert gap_scv(np.cumsum(rng.exponential(1.0, 20_000))) == pytest.approx(1.0, rel=0.1)
    assert gap_scv(np.arange(100.0)) == pytest.approx(0.0, abs=1e-12)
    assert gap_scv(np.cumsum(rng.gamma(0.25, 4.0, 20_000))) == pytest.approx(4.0, rel=0.2)
    assert gap_scv(np.arange(5.0)) == 1.0  # too few to tell


@pytest.mark.parametrize(
    ("arrivals", "prompts", "outputs", "refusal"),
    [
        ([0.0], [1.0], [1.0], "at least two requests"),
        ([0.0, 1.0], [1.0], [1.0, 1.0], "for each request"),
        ([0.0, 1.0], [1.0, math.nan], [1.0, 1.0], "finite"),
        ([0.0, 1.0], [1.0, -1.0], [1.0, 1.0], "at least 0"),
        ([1.0, 1.0], [1.0, 1.0], [1.0, 1.0], "all arrive at once"),
    ],
)
def test_traces_that_make_no_sense_are_refused(
    arrivals: list[float], prompts: list[float], outputs: list[float], refusal: str
) -> None:
    with pytest.raises(PlanningError, match=refusal):
        ArrivedRequests(np.array(arrivals), np.array(prompts), np.array(outputs))
