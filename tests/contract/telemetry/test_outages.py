"""What the reader says where no Prometheus answers."""

import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from tests.contract.telemetry.written import (
    BEGIN,
    NOW,
    OBJECTIVES,
    SCRAPE,
    Written,
    key,
    known,
    unknown,
    write_lengths,
    write_requests,
)

from pd_e2e.cluster.daemon import Daemon
from pd_e2e.cluster.waiting import eventually
from pd_operator.telemetry.prometheus import PrometheusReader

PrometheusHolding = Callable[[str], tuple[str, Daemon]]


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


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A server that answers everything alike; its URL."""

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
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    "remark",
    [
        {"warnings": ["fetch store 10.0.0.7: deadline exceeded"]},
        {"infos": ["PromQL info: ignored histograms in sum aggregation"]},
    ],
)
def test_an_answer_that_is_not_vouched_for_is_unknown(remark: dict[str, list[str]]) -> None:
    """As queriers in front of several Prometheus answer when one of them does not."""
    empty = {"status": "success", "data": {"resultType": "vector", "result": []}}
    with answering(200, json.dumps(empty | remark).encode()) as url:
        for reading in all_readings(PrometheusReader(url)):
            assert unknown(reading).reason == "MetricsIncomplete"
            assert next(iter(remark.values()))[0] in unknown(reading).message


def test_advice_about_names_is_no_doubt_of_the_answer() -> None:
    advice = 'PromQL info: metric might not be a counter, name does not end in _total: "x"'
    answer = {"status": "success", "data": {"result": []}, "infos": [advice]}
    with answering(200, json.dumps(answer).encode()) as url:
        reading = PrometheusReader(url).demand(key("steady"), NOW, 300)
    assert unknown(reading).reason == "NoSeries"


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
    with answering(status, body) as url:
        for reading in all_readings(PrometheusReader(url)):
            assert unknown(reading).reason == "PrometheusUnreachable"


@pytest.mark.parametrize("url", ["nonsense", "ftp://prometheus", "http://no.such.host.invalid"])
def test_an_address_that_is_none_is_unreachable(url: str) -> None:
    for reading in all_readings(PrometheusReader(url, timeout_seconds=2)):
        assert unknown(reading).reason == "PrometheusUnreachable"
