"""The service that is simulated: its engines, its network, its router."""

from dataclasses import dataclass, field

from pd_operator.api.router import DecodePolicy, PrefillPolicy
from pd_operator.performance import EngineSurfaces


@dataclass(frozen=True)
class EngineLimits:
    """What SGLang is started with, as far as it shapes the schedule; defaults are SGLang's.

    - `chunk_tokens`: prompts are computed in chunks of this size; None computes each in one pass.
    - `pass_tokens`: new tokens that one prefill pass may compute.
    - `running_requests`: the largest decode batch.
    - `reserved_tokens`: KV kept free for each active decode request when another is let in.
    """

    chunk_tokens: int | None = 8192
    pass_tokens: int = 16384
    running_requests: int = 4096
    reserved_tokens: int = 512

    def __post_init__(self) -> None:
        for name in ("chunk_tokens", "pass_tokens", "running_requests", "reserved_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} is at least 1, not {value}")

    @property
    def budget_tokens(self) -> int:
        """New tokens in one pass, chunking considered."""
        return min(self.chunk_tokens or self.pass_tokens, self.pass_tokens)


@dataclass(frozen=True)
class ServiceModel:
    """All that a simulation knows of a service, apart from the number of its workers.

    - `prefill`, `decode`: surfaces of one worker of each role.
    - `transfer_bytes_per_second`, `transfer_base_seconds`: a prefill worker's way to the decodes;
      its transfers go one after the other.
    - `prefill_policy`, `decode_policy`: how the router picks a worker.
    """

    prefill: EngineSurfaces
    decode: EngineSurfaces
    transfer_bytes_per_second: float = 25e9
    transfer_base_seconds: float = 0.002
    prefill_policy: PrefillPolicy = PrefillPolicy.POWER_OF_TWO
    decode_policy: DecodePolicy = DecodePolicy.ROUND_ROBIN
    limits: EngineLimits = field(default_factory=EngineLimits)

    def __post_init__(self) -> None:
        if not self.transfer_bytes_per_second > 0:
            raise ValueError(
                f"transfer needs more than 0 bytes/s, not {self.transfer_bytes_per_second}"
            )
        if not self.transfer_base_seconds >= 0:
            raise ValueError(f"a transfer takes at least 0 s, not {self.transfer_base_seconds}")
