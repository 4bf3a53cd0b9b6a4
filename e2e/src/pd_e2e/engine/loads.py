"""`/v1/loads`: what a worker tells a router or an operator about its load."""

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from pd_operator.api.roles import Role

_SECTIONS = ("core", "memory", "spec", "lora", "disagg", "queues", "all")
_PROMETHEUS_PREFIX = {"disaggregation": "disagg"}


@dataclass(frozen=True)
class Memory:
    """Gigabytes by use, and KV capacity in tokens."""

    weight_gb: float
    kv_cache_gb: float
    graph_gb: float
    token_capacity: int


@dataclass(frozen=True)
class Disaggregation:
    """The live role and the queues of prefill/decode disaggregation."""

    mode: Role
    prefill_bootstrap_queue_reqs: int = 0
    prefill_inflight_queue_reqs: int = 0
    decode_prealloc_queue_reqs: int = 0
    decode_transfer_queue_reqs: int = 0
    decode_retracted_queue_reqs: int = 0
    kv_transfer_speed_gb_s: float = 0.0
    kv_transfer_latency_ms: float = 0.0


@dataclass(frozen=True)
class Queues:
    """Requests by queue, beside the disaggregation ones."""

    waiting: int = 0
    grammar: int = 0
    paused: int = 0
    retracted: int = 0
    prealloc_ready: int = 0


@dataclass(frozen=True)
class Load:
    """One worker's load, in the fields and order of SGLang 0.5.23."""

    timestamp: float
    num_running_reqs: int
    num_waiting_reqs: int
    num_waiting_uncached_tokens: int
    num_used_tokens: int
    num_total_tokens: int
    num_active_tokens: int
    max_total_num_tokens: int
    max_running_requests: int
    memory: Memory
    disaggregation: Disaggregation
    queues: Queues
    dp_rank: int = 0
    num_prealloc_ready_tokens: int = 0
    gen_throughput: float = 0.0
    cache_hit_rate: float = 0.0
    utilization: float = 0.0
    total_prefill_uncached_tokens: int = 0
    total_prefill_busy_us: int = 0
    decode_moments: list[float] | None = field(default=None)

    @property
    def token_usage(self) -> float:
        """Share of the KV capacity in use."""
        return round(self.num_used_tokens / self.max_total_num_tokens, 4)

    def core(self) -> dict[str, Any]:
        """The flat fields, always reported."""
        return {
            "timestamp": self.timestamp,
            "dp_rank": self.dp_rank,
            "num_running_reqs": self.num_running_reqs,
            "num_waiting_reqs": self.num_waiting_reqs,
            "num_waiting_uncached_tokens": self.num_waiting_uncached_tokens,
            "num_used_tokens": self.num_used_tokens,
            "num_total_tokens": self.num_total_tokens,
            "num_active_tokens": self.num_active_tokens,
            "num_prealloc_ready_tokens": self.num_prealloc_ready_tokens,
            "max_total_num_tokens": self.max_total_num_tokens,
            "max_running_requests": self.max_running_requests,
            "token_usage": self.token_usage,
            "gen_throughput": round(self.gen_throughput, 2),
            "cache_hit_rate": self.cache_hit_rate,
            "utilization": self.utilization,
            "total_prefill_uncached_tokens": self.total_prefill_uncached_tokens,
            "total_prefill_busy_us": self.total_prefill_busy_us,
            "decode_moments": self.decode_moments,
        }

    def to_dict(self, include: Collection[str] | None = None) -> dict[str, Any]:
        """JSON form with the sections of `include` (all without); `ValueError` on unknown ones."""
        if include is not None and not set(include) <= set(_SECTIONS):
            unknown = set(include) - set(_SECTIONS)
            raise ValueError(
                f"Invalid include sections: {unknown}. Valid options: {sorted(_SECTIONS)}"
            )
        everything = include is None or "all" in include
        load = self.core()
        for name, key, section in (
            ("memory", "memory", self.memory),
            ("disaggregation", "disagg", self.disaggregation),
            ("queues", "queues", self.queues),
        ):
            if everything or key in (include or ()):
                load[name] = asdict(section)
        return load

    def to_prometheus(self, include: Collection[str] | None = None) -> str:
        """Prometheus text form: gauges with the label `dp_rank`."""
        return "".join(
            f'# TYPE {name} gauge\n{name}{{dp_rank="{self.dp_rank}"}} {value}\n'
            for name, value in _samples(self.to_dict(include))
        )


def _samples(load: dict[str, Any]) -> Iterator[tuple[str, float]]:
    del load["dp_rank"]
    for key, value in load.items():
        if isinstance(value, dict):
            prefix = _PROMETHEUS_PREFIX.get(key, key)
            for name, part in value.items():
                if isinstance(part, int | float):
                    yield f"sglang_{prefix}_{name}", part
        elif isinstance(value, int | float):
            yield f"sglang_{key}", value
