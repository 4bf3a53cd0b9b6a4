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

    def scaled_to_mean(self, mean: float) -> "LengthDistribution":
        """The same shape, stretched so that its mean is `mean` tokens."""
        if self.mean == 0:
            return LengthDistribution.constant(mean)
        stretch = mean / self.mean
        return LengthDistribution(tuple(t * stretch for t in self.tokens), self.weights)
