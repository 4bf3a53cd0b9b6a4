"""The engine that a plan is made for, and the router in front of it."""

from dataclasses import dataclass
from enum import StrEnum

from pd_operator.api.router import PrefillPolicy
from pd_operator.performance import EngineSurfaces


class RouterClass(StrEnum):
    """What the router's prefill policy knows; it decides more than the queueing formula does."""

    LOAD_AWARE = "LoadAware"
    """Sends a prompt to the worker with least work: the pool is one queue."""

    POWER_OF_TWO = "PowerOfTwo"
    """Sends it to the less loaded of two."""

    ROUND_ROBIN = "RoundRobin"
    """Round robin: every worker is a queue of its own, with evener arrivals."""

    BLIND = "Blind"
    """Random or by content: every worker is a queue of its own."""

    @classmethod
    def of(cls, policy: PrefillPolicy) -> "RouterClass":
        """The class of one of the router's policies."""
        return _CLASSES.get(policy, cls.BLIND)


_CLASSES = {
    PrefillPolicy.LEAST_LOAD: RouterClass.LOAD_AWARE,
    PrefillPolicy.CACHE_AWARE: RouterClass.LOAD_AWARE,
    PrefillPolicy.POWER_OF_TWO: RouterClass.POWER_OF_TWO,
    PrefillPolicy.ROUND_ROBIN: RouterClass.ROUND_ROBIN,
}


@dataclass(frozen=True)
class EngineModel:
    """Surfaces of both roles and the bandwidth of a worker's network for KV cache.

    `decode_bytes_per_second`: where a decode worker's differs from a prefill worker's.
    """

    prefill: EngineSurfaces
    decode: EngineSurfaces
    transfer_bytes_per_second: float
    decode_bytes_per_second: float | None = None

    def __post_init__(self) -> None:
        for speed in (self.transfer_bytes_per_second, self.receive_bytes_per_second):
            if not speed > 0:
                raise ValueError(f"transfer needs more than 0 bytes/s, not {speed}")

    @property
    def receive_bytes_per_second(self) -> float:
        """Bandwidth of a decode worker's network."""
        if self.decode_bytes_per_second is None:
            return self.transfer_bytes_per_second
        return self.decode_bytes_per_second
