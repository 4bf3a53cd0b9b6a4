"""`/metrics`: SGLang's series about this worker."""

import os
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping

from prometheus_client import (
    CollectorRegistry,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from pd_e2e.engine.flags import ServerArguments
from pd_e2e.engine.job import Job
from pd_e2e.engine.metric_families import Families

_DYNAMIC = "dynamic"


class EngineMetrics:
    """Observations of one worker.

    Tokenizer series keep the start-up role for ever; scheduler series say `dynamic` on a server
    that may switch roles. A series appears with its first observation, as SGLang's do.
    """

    def __init__(self, arguments: ServerArguments) -> None:
        # SGLang exports no `_created` series.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        self._registry = CollectorRegistry(auto_describe=False)
        self._families = Families(self._registry, arguments)
        extra = tuple(arguments.extra_metric_labels.values())
        scheduler_type = _DYNAMIC if arguments.role_switch else str(arguments.role)
        self._tokenizer = (arguments.served_model_name, str(arguments.role), *extra)
        self._scheduler = (arguments.served_model_name, scheduler_type, *extra, "0", "0", "0")
        self._cpu_reported = 0.0

    def render(self) -> bytes:
        """Prometheus text form of every series that has a value."""
        spent = time.process_time()
        self._families.cpu_seconds.labels("tokenizer").inc(spent - self._cpu_reported)
        self._cpu_reported = spent
        return generate_latest(_WithSamples(self._registry))

    def first_token(self, job: Job, seconds: float) -> None:
        """A decode sent the first token, `seconds` after the request came."""
        self._families.ttft.labels(*self._tokenizer, _flag(job.streaming)).observe(seconds)

    def later_tokens(self, seconds: float, tokens: int) -> None:
        """A decode sent `tokens` more, `seconds` after the ones before."""
        _observe_many(self._families.itl.labels(*self._tokenizer), seconds, tokens)

    def finished(self, job: Job, generated: int, e2e: float, tpot: float | None) -> None:
        """A request ended after `generated` tokens; `tpot` is None where there is none."""
        families = self._families
        streaming = _flag(job.streaming)
        families.requests.labels(*self._tokenizer, streaming).inc()
        families.prompt_tokens.labels(*self._tokenizer, streaming).inc(job.prompt_tokens)
        families.generation_tokens.labels(*self._tokenizer, streaming).inc(generated)
        families.prompt_length.labels(*self._tokenizer).observe(job.prompt_tokens)
        families.uncached_length.labels(*self._tokenizer).observe(job.prompt_tokens)
        families.output_length.labels(*self._tokenizer).observe(generated)
        families.e2e.labels(*self._tokenizer, streaming).observe(e2e)
        if tpot is not None:
            families.tpot.labels(*self._tokenizer, streaming).observe(tpot)

    def aborted(self) -> None:
        """Somebody aborted a request."""
        self._families.aborted.labels(*self._tokenizer).inc()

    def stages(self, seconds: Mapping[str, float]) -> None:
        """Time that a request spent in each stage."""
        for stage, spent in seconds.items():
            self._families.stage.labels(*self._scheduler, stage).observe(spent)

    def queued(self, seconds: float) -> None:
        """Time that a request spent in the waiting queue."""
        self._families.queue.labels(*self._scheduler).observe(seconds)

    def handshake(self, bootstrap_seconds: float, alloc_seconds: float) -> None:
        """Time until prefill and decode knew each other, and until there was room for the KV."""
        self._families.bootstrap_ms.labels(*self._scheduler).observe(bootstrap_seconds * 1e3)
        self._families.alloc_ms.labels(*self._scheduler).observe(alloc_seconds * 1e3)

    def transferred(self, seconds: float, size_bytes: float) -> None:
        """A prefill moved `size_bytes` of KV in `seconds`."""
        families = self._families
        families.transfer_ms.labels(*self._scheduler).observe(seconds * 1e3)
        families.transfer_mb.labels(*self._scheduler).observe(size_bytes / 1e6)
        if seconds > 0:
            families.transfer_speed.labels(*self._scheduler).observe(size_bytes / seconds / 1e9)

    def bootstrap_failed(self) -> None:
        """A handshake failed."""
        self._families.bootstrap_failed.labels(*self._scheduler).inc()

    def transfer_failed(self) -> None:
        """A transfer failed."""
        self._families.transfer_failed.labels(*self._scheduler).inc()

    def retracted(self, requests: int) -> None:
        """Requests were thrown out of the batch."""
        if requests:
            self._families.retracted.labels(*self._scheduler).inc(requests)

    def tokens(self, mode: str, count: int) -> None:
        """Tokens computed since the last report."""
        if count:
            self._families.realtime_tokens.labels(*self._scheduler, mode).inc(count)

    def gauges(self, values: Mapping[str, float], retracted: int, paused: int) -> None:
        """Set the lazy gauges."""
        for name, value in values.items():
            self._families.gauges[name].labels(*self._scheduler).set(value)
        pid = str(os.getpid())
        self._families.retracted_now.labels(*self._scheduler, pid).set(retracted)
        self._families.paused_now.labels(*self._scheduler, pid).set(paused)

    def capacity(self, kv_tokens: int, context_tokens: int, kv_gigabytes: float) -> None:
        """What does not change while the server lives."""
        page_size = 1
        for name, value in {
            "max_total_num_tokens": kv_tokens,
            "page_size": page_size,
            "num_pages": kv_tokens // page_size,
            "context_len": context_tokens,
            "kv_cache_memory_usage_gb": kv_gigabytes,
        }.items():
            self._families.gauges[name].labels(*self._scheduler).set(value)

    def startup(self, phases: Mapping[str, float]) -> None:
        """How long start-up took, by phase."""
        for phase, seconds in phases.items():
            self._families.startup.labels(*self._tokenizer, phase).set(seconds)

    def loads_answered(self, seconds: float) -> None:
        """`/v1/loads` was answered."""
        self._families.loads_seconds.labels(*self._tokenizer).observe(seconds)

    def http_begun(self, endpoint: str, method: str) -> None:
        """An HTTP request came."""
        self._families.http_requests.labels(endpoint, method).inc()
        self._families.http_active.labels(endpoint, method).inc()

    def http_ended(self, endpoint: str, method: str, status: int) -> None:
        """An HTTP request was answered."""
        self._families.http_active.labels(endpoint, method).dec()
        self._families.http_responses.labels(endpoint, str(status), method).inc()


class _WithSamples(Collector):
    """Families that have a sample: SGLang's multi-process exposition leaves the others out."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        return (family for family in self._registry.collect() if family.samples)


def _flag(streaming: bool) -> str:
    return "true" if streaming else "false"


def _observe_many(histogram: Histogram, seconds: float, count: int) -> None:
    """Observe `count` equal values that sum up to `seconds`.

    A chunk of 16 tokens is 16 observations, which one by one would be the dearest thing about it.
    The library has no call for this; SGLang reaches into the same two attributes.
    """
    histogram._sum.inc(seconds)
    bucket = bisect_left(histogram._upper_bounds, seconds / count)
    histogram._buckets[bucket].inc(count)
