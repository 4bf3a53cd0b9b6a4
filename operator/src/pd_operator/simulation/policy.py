"""What a scaling policy is asked, and what it is told."""

from dataclasses import dataclass
from typing import Protocol

from pd_operator.simulation.ledger import Column
from pd_operator.simulation.pools import Pools
from pd_operator.simulation.requests import Requests


@dataclass(frozen=True)
class PoolSnapshot:
    """One pool at one moment.

    - `serving`, `draining`, `starting`: workers; one that switches its role is starting.
    - `waiting_requests`: requests that wait for a pass, or for room in a decode.
    - `busy_seconds`: of all workers that ever were, from the beginning.
    """

    serving: int
    draining: int
    starting: int
    waiting_requests: int
    busy_seconds: float


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What an operator could know at `time_seconds`.

    - `arrived`: requests that came since the last snapshot, or since the beginning.
    - `ttft_seconds`, `tpot_seconds`: of the requests that were completed or lost since then.
    """

    time_seconds: float
    arrived: Requests
    ttft_seconds: Column
    tpot_seconds: Column
    prefill: PoolSnapshot
    decode: PoolSnapshot


class Policy(Protocol):
    """Decides how many workers each pool is to have."""

    @property
    def period_seconds(self) -> float:
        """Seconds from one decision to the next, above 0."""

    def decide(self, snapshot: Snapshot) -> Pools:
        """Workers wanted from now on. Called in order of time, once per period."""
