"""The series of SGLang 0.5.23 that the simulator has values for: names, labels and buckets.

Scheduler series carry the ranks, tokenizer series do not; both carry the model and the engine
type. Series that an idle feature would leave at zero for ever (LoRA, speculation, Mamba) are
left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pd_e2e.engine.flags import ServerArguments

TTFT_SECONDS = (*(0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 20, 40, 60, 80, 100, 200, 400),)
TOKEN_SECONDS = (
    *(0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.06, 0.08, 0.1),
    *(0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8),
)
E2E_SECONDS = (*TTFT_SECONDS, 600, 1200, 1800, 2400)
TOKENS = (
    *(100, 300, 500, 700, 1000, 1500, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10000),
    *(12500, 15000, 17500, 20000, 22500, 25000, 27500, 30000, 35000, 40000, 60000, 80000),
    *(100000, 200000, 300000, 400000, 600000, 800000, 1000000, 1100000),
)
QUEUE_SECONDS = (
    *(0.0, 0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.5, 1, 2, 3, 4, 5, 10, 15, 20, 30, 40, 50, 60),
    *(70, 80, 90, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1200, 1400, 1600, 1800),
    *(2000, 2500, 3000),
)
STAGE_SECONDS = tuple(0.001 * 1.62**i for i in range(30))
HANDSHAKE_MILLISECONDS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500)
TRANSFER_MILLISECONDS = (*HANDSHAKE_MILLISECONDS, 5000)
TRANSFER_MEGABYTES = (1, 5, 10, 50, 100, 500, 1000, 5000, 10000)
TRANSFER_GIGABYTES_PER_SECOND = (0.1, 0.5, 1, 5, 10, 25, 50, 100, 200, 400)
LOADS_SECONDS = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0)

GAUGES = {
    "num_running_reqs": "Requests in the batch",
    "num_queue_reqs": "Requests in the waiting queue",
    "num_prefill_bootstrap_queue_reqs": "Prefill: requests whose decode has no room yet",
    "num_prefill_inflight_queue_reqs": "Prefill: requests whose KV is being moved",
    "num_decode_prealloc_queue_reqs": "Decode: requests without room for their KV",
    "num_decode_transfer_queue_reqs": "Decode: requests whose KV is being moved",
    "num_decode_host_receive_queue_reqs": "Decode: requests whose KV arrives in host memory",
    "num_decode_deferred_kv_release_reqs": "Decode: failed requests whose KV is still held",
    "num_used_tokens": "KV tokens in use",
    "kv_used_tokens": "KV tokens in use",
    "kv_available_tokens": "KV tokens free",
    "kv_evictable_tokens": "KV tokens that only the prefix cache holds",
    "token_usage": "Share of the KV capacity in use",
    "full_token_usage": "Share of the KV capacity in use by full attention",
    "pending_prealloc_token_usage": "Decode: share of the KV capacity that waiting requests need",
    "prealloc_full_token_usage": "Decode: share of the KV capacity promised to transfers",
    "decode_sum_seq_lens": "Tokens of context of the batch",
    "gen_throughput": "Tokens generated per second",
    "cache_hit_rate": "Share of prompt tokens found in the prefix cache",
    "utilization": "Utilization as SGLang estimates it",
}
"""Refreshed on a prefill pass, every 40 decode steps, or once in 30 s: too old to steer by."""

FIXED_GAUGES = {
    "max_total_num_tokens": "KV capacity in tokens",
    "page_size": "KV page size in tokens",
    "num_pages": "KV pages",
    "context_len": "Longest sequence in tokens",
    "kv_cache_memory_usage_gb": "Memory of the KV cache",
}


@dataclass(frozen=True)
class Labels:
    """Label names of the two collectors."""

    scheduler: tuple[str, ...]
    tokenizer: tuple[str, ...]

    @classmethod
    def of(cls, arguments: ServerArguments) -> "Labels":
        """With the operator's own labels (`--extra-metric-labels`), if any."""
        tokenizer = ("model_name", "engine_type", *arguments.extra_metric_labels)
        return cls((*tokenizer, "tp_rank", "pp_rank", "moe_ep_rank"), tokenizer)


class Families:
    """All metric families, registered in `registry`."""

    def __init__(self, registry: CollectorRegistry, arguments: ServerArguments) -> None:
        self._registry = registry
        labels = Labels.of(arguments)
        self._register_requests(labels.tokenizer, arguments)
        self._register_scheduling(labels.scheduler)
        self._register_server()

    def _register_requests(self, tokenizer: tuple[str, ...], arguments: ServerArguments) -> None:
        """What the tokenizer process counts of each request."""
        streaming = (*tokenizer, "is_streaming")
        ttft = arguments.ttft_buckets or TTFT_SECONDS
        itl = arguments.itl_buckets or TOKEN_SECONDS
        e2e = arguments.e2e_buckets or E2E_SECONDS
        self.requests = self._counter("num_requests", "Requests finished", streaming)
        self.prompt_tokens = self._counter("prompt_tokens", "Prompt tokens", streaming)
        self.generation_tokens = self._counter("generation_tokens", "Output tokens", streaming)
        self.aborted = self._counter("num_aborted_requests", "Requests aborted", tokenizer)
        self.prompt_length = self._histogram(
            "prompt_tokens_histogram", "Prompt length", tokenizer, TOKENS
        )
        self.uncached_length = self._histogram(
            "uncached_prompt_tokens_histogram", "Prompt tokens to compute", tokenizer, TOKENS
        )
        self.output_length = self._histogram(
            "generation_tokens_histogram", "Output length", tokenizer, TOKENS
        )
        self.ttft = self._histogram(
            "time_to_first_token_seconds", "Time to first token", streaming, ttft
        )
        self.itl = self._histogram(
            "inter_token_latency_seconds", "Time between tokens", tokenizer, itl
        )
        self.tpot = self._histogram(
            "request_time_per_output_token_seconds", "Mean time per output token", streaming, itl
        )
        self.e2e = self._histogram(
            "e2e_request_latency_seconds", "Time from arrival to the last token", streaming, e2e
        )
        self.startup = self._gauge(
            "startup_time_seconds", "Start-up time by phase", (*tokenizer, "phase")
        )
        self.loads_seconds = self._histogram(
            "get_loads_duration_seconds", "Time to answer /v1/loads", tokenizer, LOADS_SECONDS
        )

    def _register_scheduling(self, scheduler: tuple[str, ...]) -> None:
        """What the scheduler process tells of its queues, its batch and KV transfers."""
        self.stage = self._histogram(
            "per_stage_req_latency_seconds",
            "Time in each stage",
            (*scheduler, "stage"),
            STAGE_SECONDS,
        )
        self.queue = self._histogram(
            "queue_time_seconds", "Time in the waiting queue", scheduler, QUEUE_SECONDS
        )
        self.bootstrap_ms = self._histogram(
            "kv_transfer_bootstrap_ms", "Handshake", scheduler, HANDSHAKE_MILLISECONDS
        )
        self.alloc_ms = self._histogram(
            "kv_transfer_alloc_ms", "Wait for KV room", scheduler, HANDSHAKE_MILLISECONDS
        )
        self.transfer_ms = self._histogram(
            "kv_transfer_latency_ms", "KV transfer", scheduler, TRANSFER_MILLISECONDS
        )
        self.transfer_mb = self._histogram(
            "kv_transfer_total_mb", "KV moved per request", scheduler, TRANSFER_MEGABYTES
        )
        self.transfer_speed = self._histogram(
            "kv_transfer_speed_gb_s",
            "KV transfer speed",
            scheduler,
            TRANSFER_GIGABYTES_PER_SECOND,
        )
        self.bootstrap_failed = self._counter(
            "num_bootstrap_failed_reqs", "Requests whose handshake failed", scheduler
        )
        self.transfer_failed = self._counter(
            "num_transfer_failed_reqs", "Requests whose KV transfer failed", scheduler
        )
        self.retracted = self._counter(
            "num_retracted_requests", "Requests thrown out of the batch", scheduler
        )
        self.realtime_tokens = self._counter(
            "realtime_tokens", "Tokens computed, by mode", (*scheduler, "mode")
        )
        self.retracted_now = self._gauge(
            "num_retracted_reqs", "Requests thrown out at the moment", (*scheduler, "pid")
        )
        self.paused_now = self._gauge(
            "num_paused_reqs", "Requests paused at the moment", (*scheduler, "pid")
        )
        self.gauges = {
            name: self._gauge(name, text, scheduler)
            for name, text in {**GAUGES, **FIXED_GAUGES}.items()
        }

    def _register_server(self) -> None:
        """What is known of the process and its HTTP server."""
        self.http_requests = self._counter("http_requests", "HTTP requests", ("endpoint", "method"))
        self.http_active = self._gauge(
            "http_requests_active", "HTTP requests under way", ("endpoint", "method")
        )
        self.http_responses = self._counter(
            "http_responses", "HTTP answers", ("endpoint", "status_code", "method")
        )
        self.cpu_seconds = self._counter(
            "process_cpu_seconds", "CPU time of this process", ("component",)
        )

    def _counter(self, name: str, text: str, labels: Sequence[str]) -> Counter:
        return Counter(f"sglang:{name}", text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, labels: Sequence[str]) -> Gauge:
        return Gauge(f"sglang:{name}", text, labels, registry=self._registry)

    def _histogram(
        self, name: str, text: str, labels: Sequence[str], buckets: Sequence[float]
    ) -> Histogram:
        return Histogram(f"sglang:{name}", text, labels, buckets=buckets, registry=self._registry)
