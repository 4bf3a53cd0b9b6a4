"""Who says how large the pools shall be."""

from typing import Protocol

from pd_operator.simulation.pools import Pools
from pd_operator.simulation.snapshot import Snapshot


class Policy(Protocol):
    """Decides how many workers each pool is to have."""

    @property
    def period_seconds(self) -> float:
        """Seconds from one decision to the next, above 0."""

    def decide(self, snapshot: Snapshot) -> Pools:
        """Workers wanted from now on. Called in order of time, once per period."""
