"""What the reader says of a real Prometheus that holds known load."""

import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pytest

from pd_e2e.cluster.daemon import Daemon
from pd_e2e.cluster.waiting import eventually
from pd_operator.api.names import ServiceKey
from pd_operator.demand import DemandHistory
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.scaling.observation import Known, Unknown
from pd_operator.telemetry.bins import MOST_POINTS
from pd_operator.telemetry.prometheus import PrometheusReader

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
PrometheusHolding = Callable[[str], tuple[str, Daemon]]


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

    # Nothing was scraped from minute 10 to minute 20.
    for times in (range(0, 600, SCRAPE), range(1200, HOUR + 1, SCRAPE)):
        write_requests(page, "gappy", 3.0, times)
        write_lengths(page, "gappy", 3.0, times)

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

    # Busy for twenty minutes, then no request but still scraped.
    page.counter(
        "smg_http_requests_total",
        lambda t: min(t, 1200) * 2.0,
        of("evening", "router", "r") | {"path": CHAT},
    )
    write_lengths(page, "evening", 2.0, range(0, 1201, SCRAPE))

    # Scrapes stopped five minutes ago, or a minute and a half ago.
    for service, end in (("vanished", 1500), ("late", 1710)):
        write_requests(page, service, 2.0, range(0, end + 1, SCRAPE))
        write_lengths(page, service, 2.0, range(0, end + 1, SCRAPE))

    # Prometheus scrapes every minute, whatever the spec says.
    write_requests(page, "sparse", 2.0, range(0, HOUR + 1, 60))

    # The router is busy, and no prefill worker says so.
    write_requests(page, "torn", 2.0)
    page.counter("sglang:prompt_tokens_histogram_count", 0.0, of("torn", "prefill", "p"))

    # Routers are up, nobody has asked for anything.
    page.counter("up", lambda _: 1.0, of("fresh", "router", "r"))
    page.counter("up", lambda _: 0.0, of("broken", "router", "r"))
    return "\n".join(page.lines)


@pytest.fixture(scope="module")
def url(prometheus_holding: PrometheusHolding) -> str:
    return prometheus_holding(written_services())[0]


@pytest.fixture
def reader(url: str) -> Iterator[PrometheusReader]:
    reader = PrometheusReader(url, timeout_seconds=10, scrape_interval_seconds=SCRAPE)
    yield reader
    reader.close()


def key(service: str) -> ServiceKey:
    return ServiceKey("team", service)


def known(reading: Known[T] | Unknown) -> Known[T]:
    assert isinstance(reading, Known), reading
    return reading


def unknown(reading: object) -> Unknown:
    assert isinstance(reading, Unknown), reading
    return reading


def test_demand_is_what_clients_sent_to_all_routers_of_this_service(
    reader: PrometheusReader,
) -> None:
    reading = known(reader.demand(key("steady"), NOW, 300))
    assert reading.value.requests_per_second == pytest.approx(2.0)
    assert reading.age_seconds == pytest.approx(0.0)


def test_lengths_have_the_shape_of_the_buckets_and_the_measured_mean(
    reader: PrometheusReader,
) -> None:
    demand = known(reader.demand(key("steady"), NOW, 300)).value
    assert demand.prompt_tokens.mean == pytest.approx(1100)
    short, long = demand.prompt_tokens.tokens
    # The buckets' middles are 200 and 1750.
    assert long / short == pytest.approx(1750 / 200)
    assert demand.prompt_tokens.probabilities.tolist() == pytest.approx([0.5, 0.5])
    assert demand.output_tokens.mean == pytest.approx(50)


def test_all_prompt_tokens_count_where_the_engine_does_not_tell_cached_ones_apart(
    reader: PrometheusReader,
) -> None:
    demand = known(reader.demand(key("old-engine"), NOW, 300)).value
    assert demand.prompt_tokens.mean == pytest.approx(600)


def test_the_context_is_that_of_all_sequences_over_the_window_not_of_one_moment(
    reader: PrometheusReader,
) -> None:
    demand = known(reader.demand(key("steady"), NOW, 300)).value
    assert demand.context_tokens_mean == pytest.approx((4 * 1000 + 4 * 3000) / (4 + 4))


@pytest.mark.parametrize("service", ["brief", "old-engine"])
def test_a_context_that_nobody_measured_is_left_to_be_reckoned(
    reader: PrometheusReader, service: str
) -> None:
    assert known(reader.demand(key(service), NOW, 300)).value.context_tokens_mean is None


def test_a_negative_length_makes_the_demand_unknown(reader: PrometheusReader) -> None:
    reading = unknown(reader.demand(key("absurd"), NOW, 300))
    assert reading.reason == "MetricsContradictory"
    assert "context_tokens_mean is -1000.0" in reading.message


def test_attainment_is_exact_where_the_objective_is_a_bucket_edge(
    reader: PrometheusReader,
) -> None:
    seen = known(reader.attainment(key("steady"), OBJECTIVES, NOW, 300)).value
    assert seen.ttft == pytest.approx(0.75)
    assert seen.tpot == pytest.approx(0.5)
    assert seen.joint_low == pytest.approx(0.25)
    assert seen.joint_high == pytest.approx(0.5)
    assert seen.requests == pytest.approx(600)


def test_workers_without_the_edge_are_left_out_of_attainment(reader: PrometheusReader) -> None:
    seen = known(reader.attainment(key("rollout"), OBJECTIVES, NOW, 300)).value
    assert (seen.ttft, seen.tpot) == pytest.approx((0.75, 0.5))


def test_whole_seconds_are_found_however_the_edge_is_written(reader: PrometheusReader) -> None:
    objectives = Objectives(ttft=Objective(90, 2.0), tpot=Objective(90, 1.0))
    seen = known(reader.attainment(key("whole"), objectives, NOW, 300)).value
    assert (seen.ttft, seen.tpot) == pytest.approx((0.5, 0.25))


def test_attainment_is_unknown_where_no_worker_has_the_edge(reader: PrometheusReader) -> None:
    objectives = Objectives(ttft=Objective(90, 0.7), tpot=Objective(90, 0.04))
    reading = unknown(reader.attainment(key("steady"), objectives, NOW, 300))
    assert reading.reason == "NoRequests"
    assert "0.7 s" in reading.message


def test_history_has_one_bin_per_step(reader: PrometheusReader) -> None:
    history = reader.demand_history(key("steady"), BEGIN + 61, BEGIN + 659, 60)
    assert isinstance(history, DemandHistory)
    assert history.start_seconds == BEGIN + 120
    assert history.end_seconds == BEGIN + 600
    assert history.requests_per_second == pytest.approx(np.full(8, 2.0))
    assert history.prompt_tokens_mean == pytest.approx(np.full(8, 1100.0))
    assert history.output_tokens_mean == pytest.approx(np.full(8, 50.0))


def test_a_gap_in_the_scrapes_is_missing_and_not_zero(reader: PrometheusReader) -> None:
    history = reader.demand_history(key("gappy"), BEGIN + 300, BEGIN + 1500, 60)
    assert isinstance(history, DemandHistory)
    inside_the_gap = slice(6, 15)
    for series in (history.requests_per_second, history.prompt_tokens_mean):
        assert np.isnan(series[inside_the_gap]).all()
        assert np.isfinite(series[:4]).all()
        assert np.isfinite(series[17:]).all()
    assert history.requests_per_second[:4] == pytest.approx(np.full(4, 3.0))


def test_a_bin_without_requests_has_a_rate_of_zero_and_no_length(reader: PrometheusReader) -> None:
    history = reader.demand_history(key("evening"), BEGIN + 1500, BEGIN + 1800, 60)
    assert isinstance(history, DemandHistory)
    assert history.requests_per_second.tolist() == [0.0] * 5
    assert np.isnan(history.prompt_tokens_mean).all()


def test_a_history_longer_than_one_answer_is_asked_for_in_pieces(reader: PrometheusReader) -> None:
    bins = MOST_POINTS + 2_000
    start = BEGIN + HOUR - bins * 5
    history = reader.demand_history(key("steady"), start, BEGIN + HOUR, 5)
    assert isinstance(history, DemandHistory)
    assert len(history) == bins
    measured = history.requests_per_second[-HOUR // 5 + 12 :]
    assert measured == pytest.approx(np.full(len(measured), 2.0))
    assert np.isnan(history.requests_per_second[: bins - HOUR // 5]).all()


def test_lengths_of_the_last_hour_serve_while_no_request_comes(reader: PrometheusReader) -> None:
    demand = known(reader.demand(key("evening"), NOW, 300)).value
    assert demand.requests_per_second == 0.0
    assert demand.prompt_tokens.mean == pytest.approx(1100)


def test_a_router_that_nobody_has_asked_yet_means_no_load(reader: PrometheusReader) -> None:
    demand = known(reader.demand(key("fresh"), NOW, 300)).value
    assert demand.requests_per_second == 0.0
    assert demand.prompt_tokens_per_second == 0.0


@pytest.mark.parametrize(
    ("service", "reason", "hint"),
    [
        ("never-heard-of", "NoSeries", "PodMonitor"),
        ("broken", "NoSeries", "PodMonitor"),
        ("vanished", "MetricsStale", "no longer scraped"),
        ("late", "MetricsStale", "90 s old"),
        ("torn", "MetricsContradictory", "are they scraped"),
    ],
)
def test_demand_that_cannot_be_told_is_unknown_for_a_reason(
    reader: PrometheusReader, service: str, reason: str, hint: str
) -> None:
    reading = unknown(reader.demand(key(service), NOW, 600))
    assert reading.reason == reason
    assert hint.lower() in reading.message.lower()


def test_a_rate_that_cannot_be_taken_is_not_zero(reader: PrometheusReader) -> None:
    reading = unknown(reader.demand(key("sparse"), NOW, 60))
    assert reading.reason == "NoSeries"
    assert "scrapeIntervalSeconds" in reading.message


def test_a_service_named_like_a_query_gets_no_answer_instead_of_anothers(
    reader: PrometheusReader,
) -> None:
    reading = unknown(reader.demand(key('x"} or smg_http_requests_total{pod!="'), NOW, 300))
    assert reading.reason == "NoSeries"


def test_an_empty_prometheus_knows_nothing(prometheus_holding: PrometheusHolding) -> None:
    url, _ = prometheus_holding("")
    reader = PrometheusReader(url)
    assert unknown(reader.demand(key("steady"), NOW, 300)).reason == "NoSeries"
    assert unknown(reader.attainment(key("steady"), OBJECTIVES, NOW, 300)).reason == "NoRequests"
    history = reader.demand_history(key("steady"), BEGIN, BEGIN + 600, 60)
    assert isinstance(history, DemandHistory)
    assert np.isnan(history.requests_per_second).all()


def all_readings(reader: PrometheusReader) -> list[object]:
    return [
        reader.demand(key("steady"), NOW, 300),
        reader.attainment(key("steady"), OBJECTIVES, NOW, 300),
        reader.demand_history(key("steady"), BEGIN, BEGIN + 600, 60),
    ]


def test_an_outage_of_prometheus_is_unknown_and_ends_by_itself(
    prometheus_holding: PrometheusHolding,
) -> None:
    page = Written()
    write_requests(page, "steady", 2.0)
    write_lengths(page, "steady", 2.0)
    url, daemon = prometheus_holding("\n".join(page.lines))
    reader = PrometheusReader(url, scrape_interval_seconds=SCRAPE)
    known(reader.demand(key("steady"), NOW, 300))
    daemon.stop()
    for reading in all_readings(reader):
        assert unknown(reading).reason == "PrometheusUnreachable"
        assert "spec.metrics.prometheusUrl" in unknown(reading).message
    daemon.start()
    eventually(lambda: known(reader.demand(key("steady"), NOW, 300)))


def test_a_server_that_accepts_and_never_answers_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        reader = PrometheusReader(f"http://127.0.0.1:{silent.getsockname()[1]}", 0.3)
        for reading in all_readings(reader):
            assert unknown(reading).reason == "PrometheusUnreachable"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>a dashboard</html>"),
        (200, b'{"status":"success","data":{"resultType":"vector","result":[{"x":1}]}}'),
        (200, b"[]"),
        (401, b"who are you"),
        (503, b"starting"),
    ],
)
def test_a_server_that_is_no_prometheus_is_unreachable_too(status: int, body: bytes) -> None:
    class Impostor(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Retry-After", "600")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Impostor) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        reader = PrometheusReader(f"http://127.0.0.1:{server.server_port}")
        for reading in all_readings(reader):
            assert unknown(reading).reason == "PrometheusUnreachable"
        server.shutdown()


@pytest.mark.parametrize("url", ["nonsense", "ftp://prometheus", "http://no.such.host.invalid"])
def test_an_address_that_is_none_is_unreachable(url: str) -> None:
    for reading in all_readings(PrometheusReader(url, timeout_seconds=2)):
        assert unknown(reading).reason == "PrometheusUnreachable"
