"""A tick's questions go to Prometheus in few requests, and mean the same as one by one."""

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
import requests
from tests.contract.telemetry.written import (
    NOW,
    OBJECTIVES,
    SCRAPE,
    Written,
    key,
    known,
    write_a_steady_service,
)

from pd_e2e.cluster.daemon import Daemon
from pd_operator.telemetry.connection import QUESTION_LABEL
from pd_operator.telemetry.prometheus import PrometheusReader

PrometheusHolding = Callable[[str], tuple[str, Daemon]]


@dataclass
class Proxy:
    """What stands before Prometheus: it takes lines so long, and counts what it was asked."""

    url: str = ""
    asked: list[str] = field(default_factory=list)


@contextmanager
def proxy(prometheus: str, longest_line: int) -> Iterator[Proxy]:
    found = Proxy()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found.asked.append(self.path)
            if len(self.path) > longest_line:
                status, body = 414, b"too long"
            else:
                answer = requests.get(f"{prometheus}{self.path}", timeout=10)
                status, body = answer.status_code, answer.content
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found.url = f"http://127.0.0.1:{server.server_port}"
        yield found
        server.shutdown()


@pytest.fixture(scope="module")
def prometheus(prometheus_holding: PrometheusHolding) -> str:
    page = Written()
    write_a_steady_service(page)
    url, _ = prometheus_holding("\n".join(page.lines))
    return url


def readings(url: str) -> tuple[object, object]:
    reader = PrometheusReader(url, scrape_interval_seconds=SCRAPE)
    return (
        known(reader.demand(key("steady"), NOW, 300)).value,
        known(reader.attainment(key("steady"), OBJECTIVES, NOW, 300)).value,
    )


def test_a_tick_asks_in_three_requests_that_any_proxy_takes(prometheus: str) -> None:
    with proxy(prometheus, 8000) as between:
        readings(between.url)
    assert len(between.asked) == 3
    assert all(QUESTION_LABEL in path for path in between.asked)


def test_what_is_refused_together_is_asked_one_by_one_and_means_the_same(prometheus: str) -> None:
    with proxy(prometheus, 3500) as narrow:
        one_by_one = readings(narrow.url)
    together = readings(prometheus)
    assert one_by_one == together
    refused = [path for path in narrow.asked if QUESTION_LABEL in path]
    assert len(refused) == 2  # one for demand and one for attainment, and no more
