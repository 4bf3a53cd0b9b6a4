"""The load of a role, in the terms that `/v1/loads` and the gauges share."""

from collections.abc import Mapping
from dataclasses import dataclass

from pd_e2e.engine.loads import Disaggregation, Load, Memory, Queues


@dataclass(frozen=True)
class RoleLoad:
    """Requests and tokens by where they are. Tokens that "await KV" are still at a prefill.

    All that was so `age_seconds` ago.
    """

    running: int
    waiting: int
    waiting_uncached_tokens: int
    used_tokens: int
    pending_tokens: int
    awaiting_kv_tokens: int
    disaggregation: Disaggregation
    queues: Queues
    prealloc_ready_tokens: int = 0
    transfer_tokens: int = 0
    batch_tokens: int = 0
    throughput: float = 0.0
    prefill_uncached_tokens: int = 0
    prefill_busy_seconds: float = 0.0
    decode_moments: list[float] | None = None
    age_seconds: float = 0.0

    def snapshot(self, timestamp: float, memory: Memory, running_requests: int) -> Load:
        """As `/v1/loads` reports it at `timestamp` (unix seconds)."""
        total = self.used_tokens + self.pending_tokens
        return Load(
            timestamp=timestamp,
            num_running_reqs=self.running,
            num_waiting_reqs=self.waiting,
            num_waiting_uncached_tokens=self.waiting_uncached_tokens,
            num_used_tokens=self.used_tokens,
            num_total_tokens=total,
            num_active_tokens=max(0, total - self.awaiting_kv_tokens),
            num_prealloc_ready_tokens=self.prealloc_ready_tokens,
            max_total_num_tokens=memory.token_capacity,
            max_running_requests=running_requests,
            memory=memory,
            disaggregation=self.disaggregation,
            queues=self.queues,
            gen_throughput=self.throughput,
            total_prefill_uncached_tokens=self.prefill_uncached_tokens,
            total_prefill_busy_us=int(self.prefill_busy_seconds * 1e6),
            decode_moments=self.decode_moments,
        )

    def gauges(self, kv_tokens: int) -> Mapping[str, float]:
        """Values of the lazy gauges, by name."""
        disaggregation = self.disaggregation
        usage = self.used_tokens / kv_tokens
        return {
            "num_running_reqs": self.running,
            "num_queue_reqs": self.queues.waiting,
            "num_prefill_bootstrap_queue_reqs": disaggregation.prefill_bootstrap_queue_reqs,
            "num_prefill_inflight_queue_reqs": disaggregation.prefill_inflight_queue_reqs,
            "num_decode_prealloc_queue_reqs": disaggregation.decode_prealloc_queue_reqs,
            "num_decode_transfer_queue_reqs": disaggregation.decode_transfer_queue_reqs,
            "num_decode_host_receive_queue_reqs": 0,
            "num_decode_deferred_kv_release_reqs": 0,
            "num_used_tokens": self.used_tokens,
            "kv_used_tokens": self.used_tokens,
            "kv_available_tokens": kv_tokens - self.used_tokens,
            "kv_evictable_tokens": 0,
            "token_usage": usage,
            "full_token_usage": usage,
            "pending_prealloc_token_usage": self.prealloc_ready_tokens / kv_tokens,
            "prealloc_full_token_usage": self.transfer_tokens / kv_tokens,
            "decode_sum_seq_lens": self.batch_tokens,
            "gen_throughput": self.throughput,
            "cache_hit_rate": 0.0,
            "utilization": 0.0,
        }
