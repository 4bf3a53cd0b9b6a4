"""Every question the operator asks Prometheus.

The scraped pods carry the labels `namespace`, `pod`, `pd_service` and `pd_role`
(`prefill`, `decode` or `router`), from the pods' own labels. The router's counter counts
requests when they arrive, whatever becomes of them: that is the offered load. SGLang's
time-to-first-token is measured on the decode side alone, and means the end of the answer where
the client did not ask for a stream, hence `is_streaming="true"`.
"""

from pd_operator.telemetry.template import Template

SCRAPES_PER_WINDOW = 4
"""`rate()` needs two samples in its window; this leaves room for two failed scrapes."""

ROUTER_REQUESTS = "smg_http_requests_total"
PREFILL_REQUESTS = "sglang:prompt_tokens_histogram_count"
DECODE_REQUESTS = "sglang:generation_tokens_histogram_count"

_OF_SERVICE = "namespace=$namespace,pd_service=$service"
_OFFERED = (
    ROUTER_REQUESTS + "{" + _OF_SERVICE + ',path=~"/v1/chat/completions|/v1/completions|/generate"}'
)
_PREFILL = "{" + _OF_SERVICE + ',pd_role="prefill"}'
_DECODE = "{" + _OF_SERVICE + ',pd_role="decode"}'
_STREAMED = _OF_SERVICE + ',pd_role="decode",is_streaming="true"'


def range_window(resolution_seconds: float, scrape_interval_seconds: float) -> float:
    """Seconds over which to take a rate that is wanted every `resolution_seconds`."""
    return max(resolution_seconds, SCRAPES_PER_WINDOW * scrape_interval_seconds)


def _mean_length(histogram: str, of: str) -> str:
    return f"sum(rate({histogram}_sum{of}[$window])) / sum(rate({histogram}_count{of}[$window]))"


def _length_buckets(histogram: str, of: str) -> str:
    return f"sum by (le) (increase({histogram}_bucket{of}[$window]))"


def _within(histogram: str) -> str:
    return f"sum(increase({histogram}_bucket{{{_STREAMED},le=~$edge}}[$window]))"


def _measured(histogram: str) -> str:
    """Requests of those workers that have the edge: others cannot tell how many were within."""
    return (
        f"sum(increase({histogram}_count{{{_STREAMED}}}[$window])"
        f" and on (pod) increase({histogram}_bucket{{{_STREAMED},le=~$edge}}[$window]))"
    )


REQUEST_RATE = Template(
    "request_rate",
    "Requests per second that clients sent to the router, served or not.",
    f"sum(rate({_OFFERED}[$window]))",
)
PROMPT_TOKENS_MEAN = Template(
    "prompt_tokens_mean",
    "Mean prompt tokens per request that prefill had to compute; with the cached ones where the "
    "engine does not tell them apart. NaN where no request ended.",
    _mean_length("sglang:uncached_prompt_tokens_histogram", _PREFILL)
    + " or "
    + _mean_length("sglang:prompt_tokens_histogram", _PREFILL),
)
OUTPUT_TOKENS_MEAN = Template(
    "output_tokens_mean",
    "Mean generated tokens per request. NaN where no request ended.",
    _mean_length("sglang:generation_tokens_histogram", _DECODE),
)
CONTEXT_TOKENS_MEAN = Template(
    "context_tokens_mean",
    "Mean tokens of KV cache of a sequence in decode, over time. A moment's batch is too few "
    "sequences to tell. No answer where none ran.",
    f"sum(avg_over_time(sglang:decode_sum_seq_lens{_DECODE}[$window]))"
    f" / (sum(avg_over_time(sglang:num_running_reqs{_DECODE}[$window])) > 0)",
)
PROMPT_TOKENS_BUCKETS = Template(
    "prompt_tokens_buckets",
    "Requests by their prompt tokens (cumulative over le), uncached ones where told apart.",
    _length_buckets("sglang:uncached_prompt_tokens_histogram", _PREFILL)
    + " or ("
    + _length_buckets("sglang:prompt_tokens_histogram", _PREFILL)
    + " unless on () increase(sglang:uncached_prompt_tokens_histogram_count"
    + _PREFILL
    + "[$window]))",
)
OUTPUT_TOKENS_BUCKETS = Template(
    "output_tokens_buckets",
    "Requests by their generated tokens (cumulative over le).",
    _length_buckets("sglang:generation_tokens_histogram", _DECODE),
)
WITHIN_TTFT = Template(
    "within_ttft",
    "Streamed requests whose first token came within the objective.",
    _within("sglang:time_to_first_token_seconds"),
)
MEASURED_TTFT = Template(
    "measured_ttft",
    "Streamed requests whose first token came.",
    _measured("sglang:time_to_first_token_seconds"),
)
WITHIN_TPOT = Template(
    "within_tpot",
    "Streamed requests whose mean time per output token was within the objective.",
    _within("sglang:request_time_per_output_token_seconds"),
)
MEASURED_TPOT = Template(
    "measured_tpot",
    "Streamed requests whose mean time per output token is known.",
    _measured("sglang:request_time_per_output_token_seconds"),
)
NEWEST_SAMPLE = Template(
    "newest_sample",
    "Unix time of the newest sample of a metric; no answer once its targets are gone.",
    "max(timestamp({__name__=$metric," + _OF_SERVICE + "}))",
)
ROUTERS_UP = Template(
    "routers_up",
    "Routers that Prometheus scrapes with success: tells no requests from no metrics.",
    "sum(up{" + _OF_SERVICE + ',pd_role="router"})',
)

ALL_TEMPLATES = (
    REQUEST_RATE,
    PROMPT_TOKENS_MEAN,
    OUTPUT_TOKENS_MEAN,
    CONTEXT_TOKENS_MEAN,
    PROMPT_TOKENS_BUCKETS,
    OUTPUT_TOKENS_BUCKETS,
    WITHIN_TTFT,
    MEASURED_TTFT,
    WITHIN_TPOT,
    MEASURED_TPOT,
    NEWEST_SAMPLE,
    ROUTERS_UP,
)
