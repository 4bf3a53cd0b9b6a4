"""What the reader says of a real Prometheus that holds known load."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from tests.contract.telemetry.written import (
    BEGIN,
    HOUR,
    NOW,
    OBJECTIVES,
    SCRAPE,
    clumps_counted_by,
    key,
    known,
    unknown,
    written_services,
)

from pd_e2e.cluster.daemon import Daemon
from pd_operator.demand import DemandHistory
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.telemetry.bins import MAXIMUM_POINTS
from pd_operator.telemetry.prometheus import PrometheusReader

PrometheusHolding = Callable[[str], tuple[str, Daemon]]


@pytest.fixture(scope="module")
def url(prometheus_holding: PrometheusHolding) -> str:
    return prometheus_holding(written_services())[0]


@pytest.fixture
def reader(url: str) -> Iterator[PrometheusReader]:
    reader = PrometheusReader(url, timeout_seconds=10, scrape_interval_seconds=SCRAPE)
    yield reader
    reader.close()


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


def test_a_time_per_output_token_that_the_engine_does_not_tell_is_not_taken_for_met(
    reader: PrometheusReader,
) -> None:
    reading = unknown(reader.attainment(key("older"), OBJECTIVES, NOW, 300))
    assert reading.reason == "NoSeries"
    assert "SGLang 0.5.22 and newer do, by --bucket-inter-token-latency" in reading.message


def test_answers_of_one_token_cannot_miss_the_time_per_output_token(
    reader: PrometheusReader,
) -> None:
    seen = known(reader.attainment(key("single"), OBJECTIVES, NOW, 300)).value
    assert (seen.ttft, seen.tpot) == (0.75, 1.0)


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


def test_every_request_is_in_the_bin_that_it_came_in_and_in_no_other(
    reader: PrometheusReader,
) -> None:
    history = reader.demand_history(key("clumps"), BEGIN + 120, BEGIN + 1320, 60)
    assert isinstance(history, DemandHistory)
    edges = [clumps_counted_by(second) for second in range(120, 1321, 60)]
    assert history.requests_per_second * 60 == pytest.approx(np.diff(edges))


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
    bins = MAXIMUM_POINTS + 2_000
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
