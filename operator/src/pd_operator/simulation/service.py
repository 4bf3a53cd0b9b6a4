"""The service that is simulated: its engines, its network, its router."""

from dataclasses import dataclass, field

from pd_operator.api.router import DecodePolicy, PrefillPolicy
from pd_operator.performance import EngineSurfaces


@dataclass(frozen=True)
class EngineLimits:
    """What SGLang is started with, as far as it shapes the schedule; defaults are SGLang's.

    - `chunk_tokens`: prompts are computed in chunks of this size; None computes each in one pass.
    - `fills_passes`: whether a prompt is split to fill what others left of a pass; else only one
      that is longer than a pass is split, and begins a pass of its own.
    - `pass_tokens`: new tokens that one prefill pass may compute.
    - `running_requests`: the largest decode batch.
    - `reserved_tokens`: KV kept free for each active decode request when another is let in.
    """

    chunk_tokens: int | None = 8192
    pass_tokens: int = 16384
    fills_passes: bool = True
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
class Lifecycle:
    """How long it takes until a change of the pools is one.

    - `prefill_startup_seconds`, `decode_startup_seconds`: from the asking for a worker until it
      serves; each is drawn evenly from 1 plus or minus `startup_spread` of it.
    - `drain_poll_seconds`: how often a worker that is to go is asked whether it is idle.
    - `drain_deadline_seconds`: when it goes although it is not; what it has is lost.
    - `role_flips`: whether a worker too many in one pool becomes one that the other lacks, after
      its drain and `role_switch_seconds`.
    - `cluster_gpus`: all that the cluster gives to both pools; workers beyond them wait, at no
      cost, until others are gone. None: there are always enough.
    """

    prefill_startup_seconds: float = 180.0
    decode_startup_seconds: float = 180.0
    startup_spread: float = 0.0
    drain_poll_seconds: float = 1.0
    drain_deadline_seconds: float = 300.0
    role_flips: bool = False
    role_switch_seconds: float = 2.0
    cluster_gpus: int | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and not value >= 0:
                raise ValueError(f"{name} is at least 0, not {value}")
        if self.drain_poll_seconds == 0:
            raise ValueError("drain_poll_seconds is above 0")
        if self.startup_spread > 1:
            raise ValueError(f"startup_spread is a share up to 1, not {self.startup_spread}")


@dataclass(frozen=True)
class ServiceModel:
    """All that a simulation knows of a service, apart from the number of its workers.

    - `prefill`, `decode`: surfaces of one worker of each role.
    - `transfer_bytes_per_second`, `transfer_base_seconds`: a prefill worker's way to the decodes;
      its transfers go one after the other.
    - `prefill_policy`, `decode_policy`: how the router picks a worker.
    - `load_poll_seconds`: how often the router asks workers for their load, where its policy looks
      at it. With 0, power of two goes by the requests that the router itself has at a worker (smg's
      `least_requests`), and least load knows the tokens that wait at the moment, which no router
      does.
    """

    prefill: EngineSurfaces
    decode: EngineSurfaces
    transfer_bytes_per_second: float = 25e9
    transfer_base_seconds: float = 0.002
    prefill_policy: PrefillPolicy = PrefillPolicy.POWER_OF_TWO
    decode_policy: DecodePolicy = DecodePolicy.ROUND_ROBIN
    load_poll_seconds: float = 0.0
    limits: EngineLimits = field(default_factory=EngineLimits)
    lifecycle: Lifecycle = field(default_factory=Lifecycle)

    def __post_init__(self) -> None:
        if not self.transfer_bytes_per_second > 0:
            raise ValueError(
                f"transfer needs more than 0 bytes/s, not {self.transfer_bytes_per_second}"
            )
        if not self.transfer_base_seconds >= 0:
            raise ValueError(f"a transfer takes at least 0 s, not {self.transfer_base_seconds}")
        if not self.load_poll_seconds >= 0:
            raise ValueError(f"loads are polled each 0 s or more, not {self.load_poll_seconds}")
        sizes = (self.prefill.tensor_parallel_size, self.decode.tensor_parallel_size)
        if self.lifecycle.role_flips and sizes[0] != sizes[1]:
            raise ValueError(f"a worker of TP{sizes[0]} cannot become one of TP{sizes[1]}")
