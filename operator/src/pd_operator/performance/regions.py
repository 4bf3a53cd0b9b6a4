"""Where on a surface a measurement lies: bands of prompt length and of batch size.

An engine is not off by the same factor everywhere: what a step costs beside its kernels weighs
most in small batches. A band a factor of four is as fine as a few minutes of load can fill.
"""

from bisect import bisect_left
from dataclasses import dataclass

from pd_operator.api.roles import Role


@dataclass(frozen=True)
class Bands:
    """Bands of one axis: band i ends at `edges[i]`, the last one has no end."""

    edges: tuple[float, ...]

    def index(self, value: float) -> int:
        """The band that holds `value`."""
        return bisect_left(self.edges, value)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all bands, as labels and in status: `upto-256`, ..., `above-16384`."""
        return (*(f"upto-{edge:g}" for edge in self.edges), f"above-{self.edges[-1]:g}")


REGIONS = {
    Role.PREFILL: Bands((256, 1024, 4096, 16384)),
    Role.DECODE: Bands((4, 16, 64, 256)),
}
"""Prefill by uncached tokens of a prompt, decode by sequences in the batch."""
