"""A real Prometheus asked from outside the cluster, through what forwards as the API server does.

The API server itself forwards to no pod on loopback, and here all pods are there; what it makes of
the address is asked of the real one in `test_history_reader.py`.
"""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from pd_e2e.cluster.daemon import Daemon
from pd_operator.actuation.cluster import Cluster
from pd_operator.actuation.service_proxy import InCluster
from pd_operator.api.metrics import MetricsSpec
from pd_operator.cli.prometheus_from_here import Reached, prometheus_from_here
from pd_operator.demand import Demand
from pd_operator.scaling.observation import Reading
from pd_operator.telemetry.prometheus import PrometheusReader

from .written import NOW, SCRAPE, Written, key, known, unknown, write_lengths, write_requests

TOKEN = "of-somebody"
PROXY = "/api/v1/namespaces/monitoring/services/http:prometheus:9090/proxy"
URL = "http://prometheus.monitoring.svc:9090"
TENANT = MetricsSpec.model_validate({"headers": [{"name": "X-Scope-OrgID", "value": "team-a"}]})


@dataclass
class ApiServer:
    """Forwards a Service's proxy to a Prometheus, for who may use it."""

    kubeconfig: Path
    forbidden: bool = False
    asked: list[str] = field(default_factory=list)
    tenants: set[str | None] = field(default_factory=set)


@pytest.fixture
def api_server(
    prometheus_holding: Callable[[str], tuple[str, Daemon]], tmp_path: Path
) -> Iterator[ApiServer]:
    written = Written()
    write_requests(written, "chat", 2.0)
    write_lengths(written, "chat", 2.0)
    url, _ = prometheus_holding("\n".join(written.lines))
    here = ApiServer(tmp_path / "kubeconfig")

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            here.asked.append(self.path)
            here.tenants.add(self.headers["X-Scope-OrgID"])
            let_in = self.headers["Authorization"] == f"Bearer {TOKEN}" and not here.forbidden
            if let_in and self.path.startswith(f"{PROXY}/"):
                answer = requests.get(url + self.path.removeprefix(PROXY), timeout=10)
                status, body = answer.status_code, answer.content
            else:
                status, body = 403, b'{"message": "cannot get resource services/proxy"}'
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": {"server": address}}],
        "users": [{"name": "me", "user": {"token": TOKEN}}],
    }
    here.kubeconfig.write_text(json.dumps(config))
    yield here
    server.shutdown()
    server.server_close()


@pytest.fixture
def reached(api_server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Reached:
    monkeypatch.setenv("KUBECONFIG", str(api_server.kubeconfig))
    return prometheus_from_here(Cluster.connect(), URL, TENANT)


def demand(reached: Reached) -> Reading[Demand]:
    reader = PrometheusReader(reached.url, scrape_interval_seconds=SCRAPE, access=reached.access)
    try:
        return reader.demand(key("chat"), NOW, 60)
    finally:
        reader.close()


def test_a_prometheus_in_the_cluster_is_read_with_the_kubeconfigs_credentials(
    api_server: ApiServer, reached: Reached
) -> None:
    assert known(demand(reached)).value.requests_per_second == pytest.approx(2.0, rel=0.05)
    assert all(path.startswith(PROXY) for path in api_server.asked)
    assert TOKEN not in repr(reached)
    assert api_server.tenants == {"team-a"}


def test_who_may_not_use_the_proxy_is_told_which_right_it_takes(
    api_server: ApiServer, reached: Reached
) -> None:
    api_server.forbidden = True
    assert "services/proxy" in unknown(demand(reached)).message
    assert "the right to get services/proxy in monitoring" in reached.advice
    assert "kubectl port-forward -n monitoring service/prometheus 9090:9090" in reached.advice


def test_an_address_that_is_known_here_is_asked_directly(reached: Reached) -> None:
    direct = prometheus_from_here(Cluster.connect(), "http://127.0.0.1:9090", MetricsSpec())
    assert direct == Reached.directly("http://127.0.0.1:9090")
    assert reached.url != URL


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://p.monitoring:9090", "monitoring/services/http:p:9090/proxy"),
        ("http://p.monitoring.svc.cluster.local:9090/", "monitoring/services/http:p:9090/proxy"),
        ("https://thanos.o11y.svc/tenant/a", "o11y/services/https:thanos:443/proxy/tenant/a"),
        ("http://prometheus:9090", None),
        ("https://prometheus.example.com/api", None),
        ("http://10.0.0.1:9090", None),
        ("file://p.monitoring/x", None),
    ],
)
def test_the_address_of_a_service_is_told_from_others(url: str, path: str | None) -> None:
    service = InCluster.parse(url)
    expected = None if path is None else f"/api/v1/namespaces/{path}"
    assert (service and service.proxy_path) == expected
