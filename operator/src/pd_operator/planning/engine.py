"""The engine that a plan is made for, and the router in front of it."""

from dataclasses import dataclass
from enum import StrEnum

from pd_operator.api.router import PrefillPolicy
from pd_operator.performance import EngineSurfaces

_LOAD_AWARE = frozenset(
    {PrefillPolicy.LEAST_LOAD, PrefillPolicy.POWER_OF_TWO, PrefillPolicy.CACHE_AWARE}
)


class RouterClass(StrEnum):
    """What the router's prefill policy knows; it decides more than the queueing formula does."""

    LOAD_AWARE = "LoadAware"
    """Sends a prompt to a worker with little work: the pool is one queue (M/G/c)."""

    BLIND = "Blind"
    """Random, round robin or by content: every worker is a queue of its own (M/G/1)."""

    @classmethod
    def of(cls, policy: PrefillPolicy) -> "RouterClass":
        """The class of one of the router's policies."""
        return cls.LOAD_AWARE if policy in _LOAD_AWARE else cls.BLIND


@dataclass(frozen=True)
class EngineModel:
    """Surfaces of both roles and the bandwidth of a prefill worker's network."""

    prefill: EngineSurfaces
    decode: EngineSurfaces
    transfer_bytes_per_second: float

    def __post_init__(self) -> None:
        if not self.transfer_bytes_per_second > 0:
            raise ValueError(
                f"transfer needs more than 0 bytes/s, not {self.transfer_bytes_per_second}"
            )
