"""Known load, as a Prometheus holds it, and how tests ask for it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from pd_operator.api.names import ServiceKey
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.scaling.observation import Known, Unknown

BEGIN = 1_700_000_040
"""A whole minute."""
HOUR = 3600
SCRAPE = 15
NOW = BEGIN + 1800
OBJECTIVES = Objectives(ttft=Objective(90, 0.8), tpot=Objective(90, 0.04))
ALL_TIMES = range(0, HOUR + 1, SCRAPE)
CHAT = "/v1/chat/completions"

T = TypeVar("T")
Labels = dict[str, str]


@dataclass
class Written:
    """OpenMetrics lines, one counter after the other."""

    lines: list[str] = field(default_factory=list)

    def counter(
        self,
        name: str,
        per_second: float | Callable[[int], float],
        labels: Labels,
        times: range = ALL_TIMES,
    ) -> None:
        """A counter by its rate, or by its value at each second since BEGIN."""
        said = ",".join(f'{key}="{value}"' for key, value in labels.items())
        value = per_second if callable(per_second) else lambda t: per_second * t
        self.lines += [f"{name}{{{said}}} {value(t)} {BEGIN + t}" for t in times]

    def histogram(
        self,
        name: str,
        per_second: float,
        at_or_below: dict[str, float],
        mean: float,
        labels: Labels,
        times: range = ALL_TIMES,
    ) -> None:
        """A histogram by its rate and the share of requests at or below each edge."""
        for edge, share in at_or_below.items():
            self.counter(f"{name}_bucket", per_second * share, labels | {"le": edge}, times)
        self.counter(f"{name}_count", per_second, labels, times)
        self.counter(f"{name}_sum", per_second * mean, labels, times)


def of(service: str, role: str, pod: str, namespace: str = "team") -> Labels:
    return {"namespace": namespace, "pd_service": service, "pd_role": role, "pod": pod}


def write_requests(
    page: Written, service: str, per_second: float, times: range = ALL_TIMES
) -> None:
    labels = of(service, "router", "r") | {"path": CHAT}
    page.counter("smg_http_requests_total", per_second, labels, times)


def write_lengths(page: Written, service: str, per_second: float, times: range = ALL_TIMES) -> None:
    prefill, decode = of(service, "prefill", "p"), of(service, "decode", "d")
    half_and_half = {"100.0": 0.0, "300.0": 0.5, "1500.0": 0.5, "2000.0": 1.0, "+Inf": 1.0}
    uncached = "sglang:uncached_prompt_tokens_histogram"
    page.histogram(uncached, per_second, half_and_half, 1100.0, prefill, times)
    long = {"5000.0": 1.0, "+Inf": 1.0}
    page.histogram("sglang:prompt_tokens_histogram", per_second, long, 3000.0, prefill, times)
    short = {"100.0": 1.0, "+Inf": 1.0}
    page.histogram("sglang:generation_tokens_histogram", per_second, short, 50.0, decode, times)


def write_batches(page: Written, service: str) -> None:
    """Two decode workers: one with 4 sequences of 1,000 tokens, the other now and then with 8."""
    still, uneven = of(service, "decode", "d1"), of(service, "decode", "d2")
    page.counter("sglang:num_running_reqs", lambda _: 4.0, still)
    page.counter("sglang:decode_sum_seq_lens", lambda _: 4000.0, still)
    page.counter("sglang:num_running_reqs", lambda t: 8.0 * (t // SCRAPE % 2), uneven)
    page.counter("sglang:decode_sum_seq_lens", lambda t: 24000.0 * (t // SCRAPE % 2), uneven)
    # A prefill has a batch too, of another kind.
    page.counter("sglang:num_running_reqs", lambda _: 99.0, of(service, "prefill", "p"))


def write_latencies(
    page: Written,
    service: str,
    ttft: dict[str, float],
    tpot: dict[str, float],
    pod: str = "d",
    per_second: float = 2.0,
) -> None:
    for streamed, ttft_shares, tpot_shares in (
        ("true", ttft, tpot),
        ("false", {"0.8": 0.0, "+Inf": 1.0}, {"0.04": 0.0, "+Inf": 1.0}),
    ):
        labels = of(service, "decode", pod) | {"is_streaming": streamed}
        page.histogram("sglang:time_to_first_token_seconds", per_second, ttft_shares, 1.0, labels)
        page.histogram(
            "sglang:request_time_per_output_token_seconds", per_second, tpot_shares, 0.03, labels
        )


def written_services() -> str:
    page = Written()
    write_a_steady_service(page)
    write_engines_of_their_own_kind(page)
    write_a_load_in_clumps(page)
    write_services_without_load(page)
    write_scrapes_that_fail(page)
    return "\n".join(page.lines)


def write_a_steady_service(page: Written) -> None:
    # Two routers; probes, other paths and a namesake elsewhere are not its load.
    for router in ("r1", "r2"):
        labels = of("steady", "router", router)
        page.counter("smg_http_requests_total", 1.0, labels | {"path": CHAT})
        page.counter("smg_http_requests_total", 9.0, labels | {"path": "/readiness"})
        page.counter("smg_http_requests_total", 9.0, labels | {"path": "other"})
    namesake = of("steady", "router", "r1", namespace="others")
    page.counter("smg_http_requests_total", 77.0, namesake | {"path": CHAT})
    write_lengths(page, "steady", 2.0)
    write_batches(page, "steady")
    write_latencies(page, "steady", {"0.8": 0.75, "+Inf": 1.0}, {"0.04": 0.5, "+Inf": 1.0})


def write_engines_of_their_own_kind(page: Written) -> None:
    # One worker still runs with the edges of an earlier objective.
    write_requests(page, "rollout", 4.0)
    write_lengths(page, "rollout", 4.0)
    edges = {"0.8": 0.75, "+Inf": 1.0}, {"0.04": 0.5, "+Inf": 1.0}
    older_edges = {"0.5": 0.0, "+Inf": 1.0}, {"0.03": 0.0, "+Inf": 1.0}
    write_latencies(page, "rollout", *edges, pod="new")
    write_latencies(page, "rollout", *older_edges, pod="old")

    # Whole seconds are written as le="2.0" by engines and le="2" by some others.
    write_latencies(page, "whole", {"2": 0.5, "+Inf": 1.0}, {"1.0": 0.25, "+Inf": 1.0})

    # An engine too old to tell cached prompt tokens apart.
    write_requests(page, "old-engine", 2.0)
    buckets = {"1000.0": 1.0, "+Inf": 1.0}
    prefill, decode = of("old-engine", "prefill", "p"), of("old-engine", "decode", "d")
    page.histogram("sglang:prompt_tokens_histogram", 2.0, buckets, 600.0, prefill)
    page.histogram("sglang:generation_tokens_histogram", 2.0, buckets, 500.0, decode)

    # SGLang 0.5.21, which has no histogram of the time per output token.
    decode = of("older", "decode", "d")
    streamed = decode | {"is_streaming": "true"}
    buckets = {"0.8": 0.75, "+Inf": 1.0}
    page.histogram("sglang:time_to_first_token_seconds", 2.0, buckets, 1.0, streamed)
    page.histogram("sglang:inter_token_latency_seconds", 90.0, {"+Inf": 1.0}, 0.03, decode)

    # Every answer is one token.
    streamed = of("single", "decode", "d") | {"is_streaming": "true"}
    page.histogram("sglang:time_to_first_token_seconds", 2.0, buckets, 1.0, streamed)

    # Answers are so short that no scrape finds one that runs.
    write_requests(page, "brief", 2.0)
    write_lengths(page, "brief", 2.0)
    page.counter("sglang:num_running_reqs", lambda _: 0.0, of("brief", "decode", "d"))
    page.counter("sglang:decode_sum_seq_lens", lambda _: 0.0, of("brief", "decode", "d"))

    # An engine counts its tokens wrong.
    write_requests(page, "absurd", 2.0)
    write_lengths(page, "absurd", 2.0)
    page.counter("sglang:num_running_reqs", lambda _: 4.0, of("absurd", "decode", "d"))
    page.counter("sglang:decode_sum_seq_lens", lambda _: -4000.0, of("absurd", "decode", "d"))


def clumps_counted_by(seconds: int) -> int:
    """Requests of a load that comes in clumps, each between two scrapes."""
    scrapes = seconds // SCRAPE
    return sum((7 * scrape) % 11 * 10 for scrape in range(scrapes + 1))


def write_a_load_in_clumps(page: Written) -> None:
    page.counter(
        "smg_http_requests_total", clumps_counted_by, of("clumps", "router", "r") | {"path": CHAT}
    )
    write_lengths(page, "clumps", 2.0)


def write_services_without_load(page: Written) -> None:
    # Busy for twenty minutes, then no request but still scraped.
    page.counter(
        "smg_http_requests_total",
        lambda t: min(t, 1200) * 2.0,
        of("evening", "router", "r") | {"path": CHAT},
    )
    write_lengths(page, "evening", 2.0, range(0, 1201, SCRAPE))

    # Routers are up, nobody has asked for anything.
    page.counter("up", lambda _: 1.0, of("fresh", "router", "r"))
    page.counter("up", lambda _: 0.0, of("broken", "router", "r"))


def write_scrapes_that_fail(page: Written) -> None:
    # Nothing was scraped from minute 10 to minute 20.
    for times in (range(0, 600, SCRAPE), range(1200, HOUR + 1, SCRAPE)):
        write_requests(page, "gappy", 3.0, times)
        write_lengths(page, "gappy", 3.0, times)

    # Scrapes stopped five minutes ago, or a minute and a half ago.
    for service, end in (("vanished", 1500), ("late", 1710)):
        write_requests(page, service, 2.0, range(0, end + 1, SCRAPE))
        write_lengths(page, service, 2.0, range(0, end + 1, SCRAPE))

    # Prometheus scrapes every minute, whatever the spec says.
    write_requests(page, "sparse", 2.0, range(0, HOUR + 1, 60))

    # The router is busy, and no prefill worker says so.
    write_requests(page, "torn", 2.0)
    page.counter("sglang:prompt_tokens_histogram_count", 0.0, of("torn", "prefill", "p"))


def key(service: str) -> ServiceKey:
    return ServiceKey("team", service)


def known(reading: Known[T] | Unknown) -> Known[T]:
    assert isinstance(reading, Known), reading
    return reading


def unknown(reading: object) -> Unknown:
    assert isinstance(reading, Unknown), reading
    return reading
