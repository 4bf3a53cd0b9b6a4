"""Kthena's ratio constraint: prefill over decode workers stays within a band that the user gives.

Source: volcano-sh/kthena v1.0.0, `ratioConstraint` of a disaggregated target: where another's
numbers break the band, the pool that has too few is raised; the other is cut only where that pool
is at its maximum.
"""

import math

from pd_operator.simulation.policy import Policy
from pd_operator.simulation.pools import Pools
from pd_operator.simulation.snapshot import Snapshot


class RatioBand:
    """Puts what `inner` wants into the band `lowest` to `highest`."""

    def __init__(self, inner: Policy, lowest: float, highest: float, most: Pools) -> None:
        if not 0 < lowest <= highest:
            raise ValueError(f"a band goes from above 0 upwards, not {lowest} to {highest}")
        self._inner = inner
        self._lowest = lowest
        self._highest = highest
        self._most = most

    @property
    def period_seconds(self) -> float:
        """The inner policy's."""
        return self._inner.period_seconds

    def decide(self, snapshot: Snapshot) -> Pools:
        """The inner policy's pools, repaired."""
        wanted = self._inner.decide(snapshot)
        prefill, decode = wanted.prefill, wanted.decode
        if prefill < self._lowest * decode:
            prefill = min(math.ceil(self._lowest * decode), self._most.prefill)
            decode = min(decode, max(1, math.floor(prefill / self._lowest)))
        elif prefill > self._highest * decode:
            decode = min(math.ceil(prefill / self._highest), self._most.decode)
            prefill = min(prefill, max(1, math.floor(decode * self._highest)))
        return Pools(prefill, decode)
