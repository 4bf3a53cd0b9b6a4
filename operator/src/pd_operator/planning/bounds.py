"""Fewest and most workers of each pool."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """Fewest and most workers of a pool."""

    fewest: int
    most: int

    def clip(self, workers: int) -> int:
        """The number of workers within the bounds that is nearest to `workers`."""
        return max(self.fewest, min(workers, self.most))


@dataclass(frozen=True)
class PoolBounds:
    """The bounds of both pools."""

    prefill: Bounds
    decode: Bounds
