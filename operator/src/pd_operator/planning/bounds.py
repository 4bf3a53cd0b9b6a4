"""Fewest and most workers of each pool."""

from dataclasses import dataclass


@dataclass(frozen=True)
class WorkerRange:
    """Least and most workers of a pool."""

    minimum: int
    maximum: int

    def clip(self, workers: int) -> int:
        """The number of workers within the bounds that is nearest to `workers`."""
        return max(self.minimum, min(workers, self.maximum))


@dataclass(frozen=True)
class PoolBounds:
    """The bounds of both pools."""

    prefill: WorkerRange
    decode: WorkerRange
