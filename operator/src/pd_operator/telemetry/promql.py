"""Every question the operator asks Prometheus.

Which series are of a service's routers, prefill and decode workers is said by the holes
`$routers`, `$prefill` and `$decode`, `$anyone` for all of them (`telemetry.series`). The router's
counter counts
requests when they arrive, whatever becomes of them: that is the offered load. SGLang's
time-to-first-token is measured on the decode side alone, and means the end of the answer where
the client did not ask for a stream, hence `is_streaming="true"`. Its prompt tokens are counted on
both roles, hence `$prefill`.

Two things can make a good answer wrong, so every count is read with care for both:

- A pod may be scraped more than once: by a second job, or by a second Prometheus behind one
  querier. Of each pod the target that counted most is taken.
- A page in the text format that was cut within a number is a good scrape with a smaller number.
  A counter that falls although no scrape of its pod failed is believed to be cut, unless the pod
  is known to have begun anew: then it is none of the `$steady` ones.
"""

from pd_operator.telemetry.template import Seconds, Template, Value

SCRAPES_PER_WINDOW = 4
"""`rate()` needs two samples in its window; this leaves room for two failed scrapes."""

SCRAPES_AROUND_A_WINDOW = 2
"""A fall just before a window shows as a rise within it."""

ROUTER_REQUESTS = "smg_http_requests_total"
PREFILL_REQUESTS = "sglang:prompt_tokens_histogram_count"
DECODE_REQUESTS = "sglang:generation_tokens_histogram_count"

_TARGET = (
    "pod,job,instance,endpoint,container,service,node,"
    "prometheus,prometheus_replica,replica,receive,receive_replica,monitor,cluster"
)
"""What tells targets apart, in Prometheus and in what stands before several of them."""

_BY_CLIENTS = 'path=~"/v1/chat/completions|/v1/completions|/generate"'
_OFFERED = f"{ROUTER_REQUESTS}{{$routers,{_BY_CLIENTS}}}"
_OFFERED_TO_STEADY = f"{ROUTER_REQUESTS}{{$routers,$steady,{_BY_CLIENTS}}}"
_PREFILL = "{$prefill}"
_DECODE = "{$decode}"
_DONE = "{__name__=$metric,$pods}"
_STREAMED = '$decode,is_streaming="true"'

_DECODE_TOTAL = '{$decode,priority=""}'
"""With priority scheduling, SGLang gives a total under the empty priority and parts beside it."""


def range_window(resolution_seconds: float, scrape_interval_seconds: float) -> float:
    """Seconds over which to take a rate that is wanted every `resolution_seconds`."""
    return max(resolution_seconds, SCRAPES_PER_WINDOW * scrape_interval_seconds)


def bin_window(bin_seconds: float, scrape_interval_seconds: float) -> float:
    """Seconds over which to take the rate of a bin, so that each request is in one bin.

    One scrape more than the bin: `rate()` counts what came between the first and the last sample in
    its window, and stretches it over what is left. A window of four scrapes holds three of the
    four stretches between them, so of a bin of a minute a quarter would never be counted.
    """
    return range_window(bin_seconds + scrape_interval_seconds, scrape_interval_seconds)


def around_seconds(window_seconds: float, scrape_interval_seconds: float) -> float:
    """Seconds of which a window may show something."""
    return window_seconds + SCRAPES_AROUND_A_WINDOW * scrape_interval_seconds


def window_holes(
    template: Template, window_seconds: float, scrape_interval_seconds: float
) -> dict[str, Value]:
    """What fills those holes of a template that depend on its window.

    `$around` is the window and what came so shortly before it that it shows within; `$step` is
    one scrape.
    """
    around = around_seconds(window_seconds, scrape_interval_seconds)
    all_holes: dict[str, Value] = {
        "window": Seconds(window_seconds),
        "around": Seconds(around),
        "step": Seconds(scrape_interval_seconds),
    }
    return {name: value for name, value in all_holes.items() if name in template.holes}


def _each_pod_once(per_series: str, *keep: str) -> str:
    """A sum over pods, and over what their targets tell apart but for the labels `keep`."""
    kept = "".join(f"{label}," for label in keep)
    by_target = f"sum by ({kept}{_TARGET}) ({per_series})"
    by_pod = f"max by ({kept}pod) ({by_target})"
    return f"sum by ({','.join(keep)}) ({by_pod})" if keep else f"sum({by_pod})"


def _cut(*counters: str) -> str:
    """The counters that fell although no scrape of their pods failed: no process restarted."""
    fell = " or ".join(f"resets({counter}[$around]) > 0" for counter in counters)
    outage = "min by (pod) (min_over_time(up{$anyone}[$around])) < 1"
    return f"(({fell}) unless on (pod) ({outage}))"


def _buckets(name: str, of: str) -> str:
    """Buckets of a histogram without the pods of which some were cut."""
    return f"(increase({name}_bucket{of}[$window]) unless on (pod) {_cut(f'{name}_bucket{of}')})"


def _mean_length(of: str, *histograms: str) -> str:
    """The mean of the first histogram that there is; no answer where any was cut."""
    means = (
        " / ".join(_each_pod_once(f"rate({name}_{part}{of}[$window])") for part in ("sum", "count"))
        for name in histograms
    )
    parts = (f"{name}_{part}{of}" for name in histograms for part in ("sum", "count"))
    return f"({' or '.join(means)}) unless on () count({_cut(*parts)})"


def _within(histogram: str) -> str:
    of = f"{{{_STREAMED},le=~$edge}}"
    return _each_pod_once(_buckets(histogram, of))


def _measured(histogram: str) -> str:
    """Requests of those workers that have the edge: others cannot tell how many were within."""
    of = f"{{{_STREAMED}}}"
    count = f"{histogram}_count{of}"
    counts = f"(increase({count}[$window]) unless on (pod) {_cut(count)})"
    having_the_edge = f"increase({histogram}_bucket{{{_STREAMED},le=~$edge}}[$window])"
    return _each_pod_once(f"{counts} and on (pod) {having_the_edge}")


def _over_running_batches(gauge: str) -> str:
    """A gauge summed over the scrapes that found a batch.

    `decode_sum_seq_lens` keeps its last value when the batch has ended, and stays there.
    """
    both = "sglang:num_running_reqs{of} > 0 and sglang:decode_sum_seq_lens{of}"
    running = both.format(of=_DECODE_TOTAL)
    return _each_pod_once(f"sum_over_time(({gauge}{_DECODE_TOTAL} and {running})[$window:$step])")


REQUEST_RATE = Template(
    "request_rate",
    "Requests per second that clients sent to the router, served or not. No answer where a page "
    "was cut: the rest of the routers is not all of them.",
    f"{_each_pod_once(f'rate({_OFFERED}[$window])')} unless on () "
    f"count({_cut(_OFFERED_TO_STEADY)})",
)
REQUESTS_COUNTED = Template(
    "requests_counted",
    "The most requests that clients can have sent to the router: all that a counter holds which "
    "was not there before.",
    _each_pod_once(f"(increase({_OFFERED}[$window]) and {_OFFERED} offset $window) or {_OFFERED}"),
)
CUT_ROUTERS = Template(
    "cut_routers",
    "Routers whose counter fell although no scrape of them failed.",
    f"count(count by (pod) ({_cut(_OFFERED_TO_STEADY)}))",
)
REQUESTS_DONE = Template(
    "requests_done",
    "Requests that the workers ended, but for one of each: its warm-up is counted too. Without the "
    "workers of which a page was cut.",
    f"sum(clamp_min(max by (pod) (sum by ({_TARGET}) (increase({_DONE}[$window])"
    f" unless on (pod) {_cut(_DONE)})) - 1, 0))",
)
PROMPT_TOKENS_MEAN = Template(
    "prompt_tokens_mean",
    "Mean prompt tokens per request that prefill had to compute; with the cached ones where the "
    "engine does not tell them apart. NaN where no request ended.",
    _mean_length(
        _PREFILL, "sglang:uncached_prompt_tokens_histogram", "sglang:prompt_tokens_histogram"
    ),
)
OUTPUT_TOKENS_MEAN = Template(
    "output_tokens_mean",
    "Mean generated tokens per request. NaN where no request ended.",
    _mean_length(_DECODE, "sglang:generation_tokens_histogram"),
)
CONTEXT_TOKENS_MEAN = Template(
    "context_tokens_mean",
    "Mean tokens of KV cache of a sequence in decode, over the scrapes that found a batch. A "
    "moment's batch is too few sequences to tell. No answer where none ran.",
    f"{_over_running_batches('sglang:decode_sum_seq_lens')}"
    f" / {_over_running_batches('sglang:num_running_reqs')}",
)
PROMPT_TOKENS_BUCKETS = Template(
    "prompt_tokens_buckets",
    "Requests by their prompt tokens (cumulative over le), uncached ones where told apart.",
    _each_pod_once(_buckets("sglang:uncached_prompt_tokens_histogram", _PREFILL), "le")
    + " or ("
    + _each_pod_once(_buckets("sglang:prompt_tokens_histogram", _PREFILL), "le")
    + " unless on () increase(sglang:uncached_prompt_tokens_histogram_count"
    + _PREFILL
    + "[$window]))",
)
OUTPUT_TOKENS_BUCKETS = Template(
    "output_tokens_buckets",
    "Requests by their generated tokens (cumulative over le).",
    _each_pod_once(_buckets("sglang:generation_tokens_histogram", _DECODE), "le"),
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
TOKEN_GAPS = Template(
    "token_gaps",
    "Gaps between two tokens of an answer, of all answers.",
    _each_pod_once(f"increase(sglang:inter_token_latency_seconds_count{_DECODE}[$window])"),
)
NEWEST_SAMPLE = Template(
    "newest_sample",
    "Unix time of the newest sample of a metric; no answer once its targets are gone.",
    "max(timestamp({__name__=$metric,$pods}))",
)
NEWEST_REQUEST_COUNT = Template(
    "newest_request_count",
    "Unix time of the newest count of clients' requests, probes left out.",
    f"max(timestamp({_OFFERED}))",
)
ROUTERS_UP = Template(
    "routers_up",
    "Routers that Prometheus scrapes with success: tells no requests from no metrics.",
    "sum(max by (pod) (up{$routers}))",
)
NEWEST_ROUTER_SCRAPE = Template(
    "newest_router_scrape",
    "Unix time of the newest scrape of a router.",
    "max(timestamp(up{$routers}))",
)
ROUTERS_WITHOUT_COUNT = Template(
    "routers_without_count",
    "Routers of which Prometheus has no count of clients' requests now.",
    f"count(max by (pod) (up{{$routers}}) unless on (pod) {_OFFERED})",
)

OPERATOR_GAUGE = Template(
    "operator_gauge",
    "What the operator said of a service.",
    "max({__name__=$metric,$who})",
)

ALL_TEMPLATES = (
    REQUEST_RATE,
    REQUESTS_COUNTED,
    CUT_ROUTERS,
    REQUESTS_DONE,
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
    NEWEST_REQUEST_COUNT,
    ROUTERS_UP,
    NEWEST_ROUTER_SCRAPE,
    ROUTERS_WITHOUT_COUNT,
)
