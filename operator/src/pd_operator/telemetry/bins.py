"""Bins of a history: aligned to their step, cut to what Prometheus answers at once."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pd_operator.demand import FloatArray

MAXIMUM_POINTS = 10_000
"""Prometheus answers at most 11,000 points per series."""

LARGEST = 1e15
"""More requests per second, or tokens per request, are a fault of whoever counts."""


@dataclass(frozen=True)
class Bins:
    """`count` bins of `bin_seconds`; bin i covers (start + i step, start + (i + 1) step]."""

    start_seconds: float
    bin_seconds: float
    count: int

    @classmethod
    def within(cls, start_seconds: float, end_seconds: float, bin_seconds: float) -> "Bins":
        """The bins that lie wholly in (start, end], their edges on multiples of the step."""
        # A millionth of a bin is rounding, not a missing piece of it.
        first = math.ceil(start_seconds / bin_seconds - 1e-6)
        last = math.floor(end_seconds / bin_seconds + 1e-6)
        return cls(first * bin_seconds, bin_seconds, max(last - first, 0))

    def chunks(self) -> Iterator[tuple[float, float]]:
        """(end of the first bin, end of the last bin) of each piece to ask for."""
        for first in range(0, self.count, MAXIMUM_POINTS):
            last = min(first + MAXIMUM_POINTS, self.count)
            yield self.end_of(first), self.end_of(last - 1)

    def end_of(self, index: int) -> float:
        """Unix time at which a bin ends, which is where Prometheus is asked about it."""
        return self.start_seconds + (index + 1) * self.bin_seconds

    def filled(self, samples: list[tuple[float, float]]) -> FloatArray:
        """One value per bin from (bin end, value) pairs; NaN where there is none.

        What no load can be is missing too: not finite, negative, or beyond `LARGEST`.
        """
        values = np.full(self.count, np.nan)
        for moment, value in samples:
            index = round((moment - self.start_seconds) / self.bin_seconds) - 1
            if 0 <= index < self.count and 0 <= value <= LARGEST:
                values[index] = value
        return values
