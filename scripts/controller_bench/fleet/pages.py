"""What routers and engines of a fleet would tell Prometheus, all on a few pages."""

from collections.abc import Iterator

from scripts.controller_bench.fleet.shape import (
    OUTPUT_TOKENS,
    PROMPT_TOKENS,
    REQUESTS_PER_SECOND,
    TPOT_SECONDS,
    TTFT_SECONDS,
    WORKERS,
    place,
)

from pd_operator.api.names import ROLE_ROUTER
from pd_operator.api.roles import Role

Sample = tuple[str, float]
"""A series in Prometheus' text format, and what it gains a second; 0 stands for a gauge."""

HISTORY_STEP_SECONDS = 30


def rising(number: int) -> Iterator[Sample]:
    """The counters of a service."""
    yield _router(number), REQUESTS_PER_SECOND
    for role in Role:
        requests = REQUESTS_PER_SECOND / WORKERS[role]
        for pod in range(WORKERS[role]):
            labels = _labels(number, role.value, pod)
            for name, more, mean, edges in _HISTOGRAMS[role]:
                yield from _histogram(name, labels + more, requests, mean, edges)


def constant(number: int) -> Iterator[Sample]:
    """The gauges of a service; Prometheus itself says `up` where it scrapes each pod alone."""
    yield f"up{{{_labels(number, ROLE_ROUTER, 0)}}}", 1.0
    for role in Role:
        for pod in range(WORKERS[role]):
            labels = _labels(number, role.value, pod)
            yield f"up{{{labels}}}", 1.0
            if role is Role.DECODE:
                running = f'{labels},priority=""'
                yield f"sglang:num_running_reqs{{{running}}}", 2.0
                yield f"sglang:decode_sum_seq_lens{{{running}}}", 2 * PROMPT_TOKENS


def history(services: int, begin: float, end: float) -> Iterator[str]:
    """The lines of an OpenMetrics file: the counters that a forecast needs, from 0 at `begin`."""
    wanted = ("smg_http_requests_total", "_sum", "_count")
    for number in range(services):
        for series, rate in rising(number):
            name = series.partition("{")[0]
            if name.endswith(wanted) and name.startswith(_OF_HISTORY):
                at = begin
                while at < end:
                    yield f"{series} {rate * (at - begin):.1f} {at:.0f}\n"
                    at += HISTORY_STEP_SECONDS
    yield "# EOF\n"


_OF_HISTORY = (
    "smg_http_requests_total",
    "sglang:uncached_prompt_tokens_histogram",
    "sglang:generation_tokens_histogram",
)
_LENGTHS = (64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0)
_TTFT = (0.1, 0.2, 0.4, TTFT_SECONDS, 2.0)
_TPOT = (0.01, 0.02, TPOT_SECONDS, 0.05)
_STREAMED = ',is_streaming="true"'
_HISTOGRAMS = {
    Role.PREFILL: (
        ("sglang:uncached_prompt_tokens_histogram", "", PROMPT_TOKENS, _LENGTHS),
        ("sglang:prompt_tokens_histogram", "", PROMPT_TOKENS, _LENGTHS),
    ),
    Role.DECODE: (
        ("sglang:generation_tokens_histogram", "", OUTPUT_TOKENS, _LENGTHS),
        ("sglang:time_to_first_token_seconds", _STREAMED, 0.15, _TTFT),
        ("sglang:request_time_per_output_token_seconds", _STREAMED, 0.015, _TPOT),
        ("sglang:inter_token_latency_seconds", "", 0.015, _TPOT),
    ),
}


def _router(number: int) -> str:
    labels = _labels(number, ROLE_ROUTER, 0)
    return f'smg_http_requests_total{{{labels},path="/v1/chat/completions"}}'


def _labels(number: int, role: str, pod: int) -> str:
    namespace, name = place(number)
    return f'namespace="{namespace}",pd_service="{name}",pd_role="{role}",pod="{name}-{role}-{pod}"'


def _histogram(
    name: str, labels: str, requests: float, mean: float, edges: tuple[float, ...]
) -> Iterator[Sample]:
    """Observations spread evenly up to twice the mean."""
    for edge in edges:
        yield f'{name}_bucket{{{labels},le="{edge}"}}', requests * min(1.0, edge / (2 * mean))
    yield f'{name}_bucket{{{labels},le="+Inf"}}', requests
    yield f"{name}_sum{{{labels}}}", requests * mean
    yield f"{name}_count{{{labels}}}", requests
