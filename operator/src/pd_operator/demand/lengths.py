"""How long prompts or answers are, as a discrete distribution over tokens."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
"""An array of a series or a distribution. Declared once in each package that may import none of
the others that do: here, for `demand` and all above it, in `performance.table` and in
`pd_forecasting.base`; in the test bench by the load generator, which needs nothing of the product.
"""


@dataclass(frozen=True)
class LengthDistribution:
    """Lengths in tokens, each with its weight.

    Weights are of at least 0 and need not sum to one. `ValueError` where there is no length, a
    negative or infinite number, or no weight at all.
    """

    tokens: tuple[float, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.tokens) != len(self.weights):
            raise ValueError(f"{len(self.tokens)} lengths but {len(self.weights)} weights")
        if not all(math.isfinite(x) and x >= 0 for x in (*self.tokens, *self.weights)):
            raise ValueError("lengths and weights must be finite numbers of at least 0")
        if not sum(self.weights) > 0:
            raise ValueError("a length distribution needs some weight")

    @classmethod
    def constant(cls, tokens: float) -> Self:
        """Every length is `tokens`."""
        return cls((float(tokens),), (1.0,))

    @classmethod
    def from_histogram(
        cls, upper_edges: Sequence[float], cumulative_counts: Sequence[float]
    ) -> Self:
        """Read a Prometheus histogram: `le` edges, ascending, and counts at or below each.

        A bucket's lengths sit at its middle, those above the last finite edge at that edge: a
        lower bound, which `scaled_to_mean` with the histogram's own sum and count puts right.
        Counts that fall by rounding are flattened.
        """
        if len(upper_edges) != len(cumulative_counts):
            raise ValueError(f"{len(upper_edges)} edges but {len(cumulative_counts)} counts")
        if any(math.isnan(x) for x in (*upper_edges, *cumulative_counts)):
            raise ValueError("a histogram with NaN says nothing")
        finite = [edge for edge in upper_edges if math.isfinite(edge)]
        if not finite or finite != sorted(finite):
            raise ValueError("a histogram needs finite edges in ascending order")
        lower_edges = [0.0, *finite]
        middles = [
            (lower + upper) / 2 if math.isfinite(upper) else lower
            for lower, upper in zip(lower_edges, upper_edges, strict=False)
        ]
        cumulative = np.maximum.accumulate(np.asarray(cumulative_counts, dtype=np.float64))
        counts = np.diff(cumulative, prepend=0.0)
        held = [(m, float(c)) for m, c in zip(middles, counts, strict=True) if c > 0]
        return cls(tuple(m for m, _ in held), tuple(c for _, c in held))

    @classmethod
    def from_samples(cls, tokens: FloatArray, points: int = 64) -> Self:
        """Condense many observed lengths to at most `points` groups of equal weight.

        Groups are of neighboring lengths and sit at their mean, so the mean is kept exactly.
        """
        groups = np.array_split(np.sort(tokens), min(points, len(tokens)))
        return cls(
            tuple(float(group.mean()) for group in groups),
            tuple(float(len(group)) for group in groups),
        )

    @classmethod
    def mixture(cls, parts: Iterable[tuple["LengthDistribution", float]]) -> Self:
        """Lengths of several streams together, each with its share of the requests."""
        tokens: list[float] = []
        weights: list[float] = []
        for part, share in parts:
            tokens.extend(part.tokens)
            weights.extend((part.probabilities * share).tolist())
        return cls(tuple(tokens), tuple(weights))

    @cached_property
    def values(self) -> FloatArray:
        """Lengths in tokens, shape (n,)."""
        return np.asarray(self.tokens, dtype=np.float64)

    @cached_property
    def probabilities(self) -> FloatArray:
        """Weights that sum to one, shape (n,)."""
        weights = np.asarray(self.weights, dtype=np.float64)
        probabilities: FloatArray = weights / weights.sum()
        return probabilities

    @cached_property
    def mean(self) -> float:
        """Mean length in tokens."""
        return float(self.probabilities @ self.values)

    @cached_property
    def second_moment(self) -> float:
        """Mean of the squared length, in tokens squared."""
        return float(self.probabilities @ self.values**2)

    def mixed_to_mean(self, mean: float) -> "LengthDistribution":
        """The same lengths in other shares, such that their mean is `mean` tokens.

        What a service's mean length moves by is which kinds of requests come, more than how long
        each kind is: stretched, a mix of short and long prompts gets some that nobody ever sent. Of
        all shares that give the mean, those with the least relative entropy to the present ones: an
        exponential tilt (Csiszar 1975). A gamma distribution tilted is the same one stretched.
        Where the mean is not between the lengths that were seen, they are stretched.
        """
        if math.isclose(mean, self.mean):
            return self
        seen = self.probabilities > 0
        values, shares = self.values[seen], self.probabilities[seen]
        if not values.min() < mean < values.max():
            return self.scaled_to_mean(mean)
        tilted = _tilted(shares, (values - mean) / (values.max() - values.min()))
        return LengthDistribution(tuple(values.tolist()), tuple(tilted.tolist()))

    def scaled_to_mean(self, mean: float) -> "LengthDistribution":
        """The same shape, stretched so that its mean is `mean` tokens."""
        if self.mean == 0:
            return LengthDistribution.constant(mean)
        stretch = mean / self.mean
        return LengthDistribution(tuple(t * stretch for t in self.tokens), self.weights)


_STEEPEST_TILT = 500.0
"""Beyond it, all but e^-500 of the weight is on the shortest length, or on the longest."""

_HALVINGS = 50
"""Of the range of tilts: to a relative precision of 1e-12."""


def _tilted(shares: FloatArray, centered: FloatArray) -> FloatArray:
    """Shares times exp(tilt * centered), normed, with the tilt that makes their mean 0."""
    low, high = -_STEEPEST_TILT, _STEEPEST_TILT
    tilted = shares
    for _ in range(_HALVINGS):
        tilt = (low + high) / 2
        exponents = tilt * centered
        weights = shares * np.exp(exponents - exponents.max())
        tilted = weights / weights.sum()
        # The mean rises with the tilt.
        low, high = (tilt, high) if tilted @ centered < 0 else (low, tilt)
    return tilted
