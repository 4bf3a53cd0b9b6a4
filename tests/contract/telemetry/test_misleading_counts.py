"""Counts that are wrong and look right, as a real Prometheus answers them."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from tests.contract.telemetry.written import (
    BEGIN,
    CHAT,
    HOUR,
    NOW,
    OBJECTIVES,
    SCRAPE,
    Written,
    key,
    known,
    of,
    unknown,
    write_latencies,
    write_lengths,
)

from pd_e2e.cluster.daemon import Daemon
from pd_operator.demand import Demand, DemandHistory
from pd_operator.scaling.observation import Known
from pd_operator.telemetry.prometheus import PrometheusReader

CUT_AT = 1770
"""Seconds after BEGIN of the scrape that was cut: two before NOW."""

RESTARTED_AT = CUT_AT - 7
"""Of a router that began anew between two scrapes."""


@pytest.fixture(scope="module")
def reader(
    prometheus_holding: Callable[[str], tuple[str, Daemon]],
) -> Iterator[PrometheusReader]:
    page = Written()
    write_routers_without_their_count(page)
    write_requests_of_several_prompts(page)
    write_services_without_a_request(page)
    write_pods_that_are_scraped_twice(page)
    write_gauges_that_mislead(page)
    write_pages_that_were_cut(page)
    url, _ = prometheus_holding("\n".join(page.lines))
    reader = PrometheusReader(url, timeout_seconds=10, scrape_interval_seconds=SCRAPE)
    yield reader
    reader.close()


def always(value: float) -> Callable[[int], float]:
    return lambda _: value


def routed(
    page: Written,
    service: str,
    count: float | Callable[[int], float],
    router: str = "r",
    **labels: str,
) -> None:
    told = of(service, "router", router) | {"path": CHAT} | labels
    page.counter("smg_http_requests_total", count, told)


def up(page: Written, service: str, router: str = "r") -> None:
    page.counter("up", always(1.0), of(service, "router", router))


def read(reader: PrometheusReader, service: str, window_seconds: float = 60) -> Known[Demand]:
    return known(reader.demand(key(service), NOW, window_seconds))


def write_routers_without_their_count(page: Written) -> None:
    for service, per_second in (("renamed", 20.0), ("renamed-and-quiet", 0.05)):
        up(page, service)
        write_lengths(page, service, per_second)

    # A rule dropped the label that tells probes from clients.
    up(page, "pathless")
    routed(page, "pathless", 21.0, path="")
    write_lengths(page, "pathless", 20.0)

    # Clients found a path that the operator does not know, and some still use the old one.
    up(page, "other-path")
    routed(page, "other-path", 5.0)
    routed(page, "other-path", 15.0, path="/v1/responses")
    write_lengths(page, "other-path", 20.0)

    # One of two routers is new, and calls its counter otherwise.
    for router in ("r1", "r2"):
        up(page, "half", router)
    routed(page, "half", 10.0, "r1")
    write_lengths(page, "half", 20.0)

    # A queue has formed, and for two minutes more requests end than come.
    def emptying(t: int) -> float:
        return 2.0 * t + 6.0 * max(0, t - 1680)

    up(page, "emptying")
    routed(page, "emptying", 4.0)
    write_lengths(page, "emptying", 2.0)
    other = of("emptying", "prefill", "p2")
    page.counter("sglang:prompt_tokens_histogram_count", emptying, other)


@pytest.mark.parametrize(
    "service", ["renamed", "renamed-and-quiet", "pathless", "other-path", "half"]
)
def test_engines_that_end_more_than_the_routers_counted_make_the_demand_unknown(
    reader: PrometheusReader, service: str
) -> None:
    reading = unknown(reader.demand(key(service), NOW, 60))
    assert reading.reason == "MetricsContradictory"
    assert "smg_http_requests_total dropped or renamed" in reading.message


def test_a_queue_that_empties_is_no_contradiction(reader: PrometheusReader) -> None:
    assert read(reader, "emptying").value.requests_per_second == pytest.approx(4.0)


def write_requests_of_several_prompts(page: Written) -> None:
    # 2 requests/s, each with four prompts.
    up(page, "batches")
    routed(page, "batches", 2.0)
    write_lengths(page, "batches", 8.0)


def test_requests_of_several_prompts_make_demand_unknown(reader: PrometheusReader) -> None:
    reading = unknown(reader.demand(key("batches"), NOW, 60))
    assert reading.reason == "MetricsContradictory"


def write_services_without_a_request(page: Written) -> None:
    # The kubelet asks a router whether it is ready, and nobody asks anything else.
    for path in ("/readiness", "/liveness"):
        routed(page, "idle", 0.5, path=path)
    up(page, "idle")
    warm_up = {"100.0": 1.0, "+Inf": 1.0}
    for role, histogram in (("prefill", "prompt_tokens"), ("decode", "generation_tokens")):
        labels = of("idle", role, role)
        page.histogram(f"sglang:{histogram}_histogram", 0.0, warm_up, 4.0, labels)

    # A worker of an idle service is new, and has warmed up.
    up(page, "restarted")
    labels = of("restarted", "prefill", "p")
    page.counter("up", lambda t: float(not 1700 < t < 1750), labels)
    for times, count in ((range(0, 1701, SCRAPE), 9.0), (range(1755, HOUR + 1, SCRAPE), 1.0)):
        page.counter("sglang:prompt_tokens_histogram_count", always(count), labels, times)

    # Its first clients have come and gone before the counter was seen twice.
    times = range(1755, HOUR + 1, SCRAPE)
    up(page, "begun")
    first = of("begun", "router", "r") | {"path": CHAT}
    page.counter("smg_http_requests_total", always(90.0), first, times)
    done = of("begun", "prefill", "p")
    page.counter("sglang:prompt_tokens_histogram_count", lambda t: 1.0 + 90.0 * (t > 1750), done)


@pytest.mark.parametrize("service", ["idle", "restarted", "begun"])
def test_a_service_that_nobody_asks_has_a_load_of_zero_and_that_is_known(
    reader: PrometheusReader, service: str
) -> None:
    reading = read(reader, service)
    assert reading.value.requests_per_second == 0.0
    assert reading.value.prompt_tokens_per_second == 0.0
    assert reading.age_seconds == pytest.approx(0.0)


TARGETS = [
    f'job="{job}",endpoint="{port}",prometheus_replica="{replica}"'
    for replica in ("prometheus-0", "prometheus-1")
    for job, port in (("team/chat", "http"), ("pods", "http"), ("pods", "other"))
]
"""The same pod by two jobs, of which one scrapes two ports, behind two Prometheus."""

BY_ANOTHER_LABEL = [
    'job="chat",instance="10.0.0.1:30000"',
    'job="chat",instance="10.0.0.1:30000",service="chat-decode"',
    'job="chat",instance="10.0.0.1:30000",node="node-1"',
    'job="chat",instance="10.0.0.1:30000",monitor="blue"',
    'job="chat",instance="10.0.0.1:30000",cluster="eu",receive_replica="receive-1"',
]
"""A PodMonitor and a ServiceMonitor of one job, and what stands before Prometheus."""

SCRAPED_TWICE = {
    "twice": (("router", "prefill", "decode"), TARGETS),
    "twice-routers": (("router",), TARGETS),
    "twice-engines": (("prefill", "decode"), TARGETS),
    "twice-prefill": (("prefill",), TARGETS),
    "twice-decode": (("decode",), TARGETS),
    "twice-by-labels": (("router", "prefill", "decode"), BY_ANOTHER_LABEL),
}
"""Which roles' pods are scraped several times, and as what."""


def write_pods_that_are_scraped_twice(page: Written) -> None:
    for service, (roles, targets) in SCRAPED_TWICE.items():
        single = Written()
        routed(single, service, 3.0, "r1")
        routed(single, service, 2.0, "r2")
        write_lengths(single, service, 5.0)
        for decode in ("d1", "d2"):
            of_decode = of(service, "decode", decode)
            single.counter("sglang:num_running_reqs", always(4.0), of_decode)
            single.counter("sglang:decode_sum_seq_lens", always(8000.0), of_decode)
        write_latencies(single, service, {"0.8": 0.75, "+Inf": 1.0}, {"0.04": 0.5, "+Inf": 1.0})
        for line in single.lines:
            name, _, rest = line.partition("{")
            several = any(f'pd_role="{role}"' in rest for role in roles)
            page.lines += [
                f"{name}{{{target},{rest}" for target in targets[: None if several else 1]
            ]


@pytest.mark.parametrize("service", SCRAPED_TWICE)
def test_a_pod_counts_once_however_many_jobs_scrape_it(
    reader: PrometheusReader, service: str
) -> None:
    demand = read(reader, service).value
    assert demand.requests_per_second == pytest.approx(5.0)
    assert demand.prompt_tokens.mean == pytest.approx(1100)
    assert demand.output_tokens.mean == pytest.approx(50)
    assert demand.context_tokens_mean == pytest.approx(2000)
    attainment = known(reader.attainment(key(service), OBJECTIVES, NOW, 300)).value
    assert attainment.requests == pytest.approx(600)
    assert (attainment.ttft, attainment.tpot) == pytest.approx((0.75, 0.5))
    history = reader.demand_history(key(service), BEGIN, BEGIN + 600, 60)
    assert isinstance(history, DemandHistory)
    assert history.requests_per_second[2:] == pytest.approx(np.full(8, 5.0))


def write_gauges_that_mislead(page: Written) -> None:
    for service in ("priorities", "now-and-then"):
        routed(page, service, 2.0)
        write_lengths(page, service, 2.0)

    # SGLang's priority scheduling: a total, and beside it one series a priority.
    decode = of("priorities", "decode", "d")
    for priority, running, tokens in (("", 40.0, 120_000.0), ("0", 30.0, 0.0), ("1", 10.0, 0.0)):
        labels = decode | {"priority": priority}
        page.counter("sglang:num_running_reqs", always(running), labels)
        page.counter("sglang:decode_sum_seq_lens", always(tokens), labels)

    # A batch of 2 sequences of 150 tokens runs every fourth scrape; its tokens stay in the gauge.
    decode = of("now-and-then", "decode", "d")
    page.counter("sglang:num_running_reqs", lambda t: 2.0 * (t // SCRAPE % 4 == 0), decode)
    page.counter("sglang:decode_sum_seq_lens", always(300.0), decode)


def test_the_parts_of_a_total_are_not_added_to_it(reader: PrometheusReader) -> None:
    assert read(reader, "priorities").value.context_tokens_mean == pytest.approx(3000)


def test_tokens_of_a_batch_that_has_ended_are_nobodys_context(reader: PrometheusReader) -> None:
    assert read(reader, "now-and-then").value.context_tokens_mean == pytest.approx(150)


def write_pages_that_were_cut(page: Written) -> None:
    def cut(per_second: float) -> Callable[[int], float]:
        """A number of five digits or so, of which one scrape got the first two."""
        return lambda t: float(str(per_second * t)[:2]) if t == CUT_AT else per_second * t

    for router in ("r1", "r2"):
        up(page, "cut", router)
    routed(page, "cut", cut(7.0), "r1")
    routed(page, "cut", 7.0, "r2")
    write_lengths(page, "cut", 14.0)

    def since(begin: int) -> Callable[[int], float]:
        return lambda t: 7.0 * (t - begin)

    # A router that was away for a scrape began anew.
    labels = of("anew", "router", "r")
    page.counter("up", lambda t: float(t != CUT_AT), labels)
    routed(page, "anew", 0.0, "other")
    for begin, times in ((0, range(0, CUT_AT, SCRAPE)), (1785, range(1785, HOUR + 1, SCRAPE))):
        page.counter(
            "smg_http_requests_total",
            since(begin),
            labels | {"path": CHAT},
            times,
        )
    write_lengths(page, "anew", 7.0)

    # A router that restarted between two scrapes.
    up(page, "quick")
    routed(page, "quick", lambda t: 7.0 * t if t < RESTARTED_AT else since(RESTARTED_AT)(t))
    write_lengths(page, "quick", 7.0)

    # One of two workers lost digits of a sum.
    routed(page, "cut-worker", 4.0)
    write_lengths(page, "cut-worker", 2.0)
    histogram = "sglang:uncached_prompt_tokens_histogram"
    labels = of("cut-worker", "prefill", "p2")
    page.counter(f"{histogram}_count", 2.0, labels)
    page.counter(f"{histogram}_sum", cut(2200.0), labels)
    page.counter(f"{histogram}_bucket", cut(2.0), labels | {"le": "300.0"})
    page.counter(f"{histogram}_bucket", 2.0, labels | {"le": "+Inf"})
    page.counter("sglang:prompt_tokens_histogram_count", 2.0, labels)


@pytest.mark.parametrize("after_the_cut", [0, 15, 30, 45])
def test_a_page_that_was_cut_within_a_number_makes_the_demand_unknown(
    reader: PrometheusReader, after_the_cut: int
) -> None:
    reading = unknown(reader.demand(key("cut"), BEGIN + CUT_AT + after_the_cut, 60))
    assert reading.reason == "MetricsContradictory"
    assert "its page was cut" in reading.message


def test_the_demand_is_known_again_once_the_cut_is_past(reader: PrometheusReader) -> None:
    later = known(reader.demand(key("cut"), BEGIN + CUT_AT + 120, 60))
    assert later.value.requests_per_second == pytest.approx(14.0)


def test_a_cut_leaves_a_gap_in_the_history_and_no_spike(reader: PrometheusReader) -> None:
    history = reader.demand_history(key("cut"), BEGIN + 1200, BEGIN + 2400, 60)
    assert isinstance(history, DemandHistory)
    missing = np.isnan(history.requests_per_second)
    assert 1 <= np.count_nonzero(missing) <= 3
    assert history.requests_per_second[~missing] == pytest.approx(
        np.full(np.count_nonzero(~missing), 14.0)
    )


def test_a_router_that_was_away_and_began_anew_was_not_cut(reader: PrometheusReader) -> None:
    at = BEGIN + 1830
    reading = known(reader.demand(key("anew"), at, 60))
    assert 0.0 < reading.value.requests_per_second <= 7.0


def test_a_router_that_is_known_to_have_restarted_was_not_cut(reader: PrometheusReader) -> None:
    """A restart between two scrapes looks like a cut: its pod tells them apart."""
    at = BEGIN + CUT_AT + 30
    reading = known(reader.demand(key("quick"), at, 60, {"r": BEGIN + RESTARTED_AT}))
    assert 0.75 * 7.0 <= reading.value.requests_per_second <= 7.0
    for restarts in ({}, {"another": BEGIN + RESTARTED_AT}, {"r": BEGIN + 60.0}):
        fallen = unknown(reader.demand(key("quick"), at, 60, restarts))
        assert fallen.reason == "MetricsContradictory"


def test_a_worker_whose_page_was_cut_does_not_tell_of_lengths(reader: PrometheusReader) -> None:
    # By the middles of the other worker's buckets: no mean can be had.
    lengths = read(reader, "cut-worker").value.prompt_tokens
    assert lengths.mean == pytest.approx((200 + 1750) / 2)
    history = reader.demand_history(key("cut-worker"), BEGIN + 1200, BEGIN + 2400, 60)
    assert isinstance(history, DemandHistory)
    means = history.prompt_tokens_mean
    assert 1 <= np.count_nonzero(np.isnan(means)) <= 3
    assert np.nanmax(means) == pytest.approx(1100)
