import math

import numpy as np
import pytest

from pd_operator.demand import Demand, LengthDistribution

INF = math.inf


def test_a_histogram_becomes_the_middles_of_its_buckets() -> None:
    lengths = LengthDistribution.from_histogram([100, 200, 400, INF], [10, 30, 40, 40])
    assert lengths.tokens == (50, 150, 300)
    assert lengths.weights == (10, 20, 10)
    assert lengths.mean == pytest.approx(162.5)


def test_lengths_above_the_last_finite_edge_sit_at_that_edge() -> None:
    lengths = LengthDistribution.from_histogram([100, INF], [0, 5])
    assert lengths.tokens == (100,)


def test_counts_that_fall_by_rounding_are_flattened() -> None:
    lengths = LengthDistribution.from_histogram([100, 200, INF], [10, 10 - 1e-9, 20])
    assert lengths.weights == pytest.approx((10, 10))


@pytest.mark.parametrize(
    ("edges", "counts", "message"),
    [
        ([100, INF], [0, 0], "some weight"),
        ([100, INF], [math.nan, 3], "NaN"),
        ([INF], [3], "finite edges"),
        ([200, 100, INF], [1, 2, 3], "ascending"),
        ([100, INF], [3], "2 edges but 1 counts"),
    ],
)
def test_a_histogram_that_says_nothing_is_refused(
    edges: list[float], counts: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        LengthDistribution.from_histogram(edges, counts)


def test_condensed_samples_keep_their_mean() -> None:
    samples = np.random.default_rng(1).lognormal(6, 1, 10_000)
    condensed = LengthDistribution.from_samples(samples)
    assert len(condensed.tokens) == 64
    assert condensed.mean == pytest.approx(samples.mean(), rel=0.01)
    assert condensed.second_moment == pytest.approx((samples**2).mean(), rel=0.1)


def test_a_mixture_weighs_its_parts_by_their_share_of_requests() -> None:
    short, long = LengthDistribution.constant(28), LengthDistribution((200, 222), (5, 5))
    mixed = LengthDistribution.mixture([(short, 3.0), (long, 1.0)])
    assert mixed.mean == pytest.approx((3 * 28 + 211) / 4)


def test_stretching_keeps_the_shape() -> None:
    stretched = LengthDistribution((100, 300), (1, 1)).scaled_to_mean(400)
    assert stretched.tokens == (200, 600)
    assert LengthDistribution.constant(0).scaled_to_mean(7).mean == 7


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_lengths_and_demands_that_are_no_numbers_are_refused(bad: float) -> None:
    lengths = LengthDistribution.constant(100)
    with pytest.raises(ValueError, match="finite"):
        LengthDistribution.constant(bad)
    with pytest.raises(ValueError, match="finite"):
        Demand(bad, lengths, lengths)
    with pytest.raises(ValueError, match="finite"):
        Demand(1.0, lengths, lengths, arrival_scv=bad)


def test_token_rates_are_rate_times_mean_length() -> None:
    demand = Demand(3.0, LengthDistribution.constant(1155), LengthDistribution.constant(211))
    assert demand.prompt_tokens_per_second == pytest.approx(3465)
    assert demand.output_tokens_per_second == pytest.approx(633)


def test_a_mix_that_shifts_has_other_shares_and_no_longer_prompts() -> None:
    mix = LengthDistribution((500, 4_000), (1, 1))
    shifted = mix.mixed_to_mean(3_300)
    assert shifted.mean == pytest.approx(3_300)
    assert shifted.tokens == mix.tokens
    assert shifted.probabilities.tolist() == pytest.approx([0.2, 0.8])


def test_a_gamma_distribution_of_another_mean_is_the_same_one_stretched() -> None:
    tokens = np.linspace(1, 20_000, 4_000)
    gamma = LengthDistribution(
        tuple(tokens.tolist()), tuple((tokens**3 * np.exp(-tokens / 250)).tolist())
    )
    mixed, stretched = (
        way(1.5 * gamma.mean) for way in (gamma.mixed_to_mean, gamma.scaled_to_mean)
    )
    assert mixed.second_moment == pytest.approx(stretched.second_moment, rel=0.01)


def test_a_mean_that_no_shares_give_stretches_the_lengths() -> None:
    assert LengthDistribution((100, 300), (1, 1)).mixed_to_mean(400).tokens == (200, 600)
    assert LengthDistribution.constant(100).mixed_to_mean(300) == LengthDistribution.constant(300)
