"""The cluster's Prometheus finds the pods it should, and survives an outage."""

import json
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from pd_e2e.cluster.binaries import Programs
from pd_e2e.cluster.prometheus import Prometheus
from pd_e2e.cluster.waiting import eventually
from pd_e2e.nodes.cluster import Cluster

pytestmark = pytest.mark.controlplane

SERVER = """
import http.server, os, sys, threading
class Metrics(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(b"test_answers_total 1\\n")
for port in map(int, sys.argv[1:]):
    server = http.server.ThreadingHTTPServer((os.environ["POD_IP"], port), Metrics)
    threading.Thread(target=server.serve_forever).start()
"""
"""Serves the same one metric on every port that it is given."""


def query(prometheus: Prometheus, expression: str) -> list[dict[str, Any]]:
    url = f"{prometheus.url}/api/v1/query?query={urllib.parse.quote(expression)}"
    with urllib.request.urlopen(url, timeout=5) as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return found


def run_server(
    cluster: Cluster, namespace: str, name: str, labels: dict[str, str], ports: dict[str, int]
) -> None:
    address = {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    container = {
        "name": "main",
        "image": "python",
        "command": ["python3", "-c", SERVER, *map(str, ports.values())],
        "env": [address],
        "ports": [{"name": key, "containerPort": port} for key, port in ports.items()],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }
    cluster.control_plane.kubectl("create", "--filename=-", input_text=json.dumps(pod))


def test_engines_router_and_operator_are_scraped_with_their_labels_and_nobody_else(
    cluster: Cluster, namespace: str, binaries: Programs, tmp_path: Path
) -> None:
    service, role = "serving.pd-operator.io/service", "serving.pd-operator.io/role"
    both = {"http": 30000, "metrics": 29000}
    run_server(cluster, namespace, "decode", {service: "chat", role: "decode"}, both)
    run_server(cluster, namespace, "router", {service: "chat", role: "router"}, both)
    part_of = {"app.kubernetes.io/part-of": "pd-operator"}
    run_server(cluster, namespace, "operator", part_of, {"http": 8080})
    run_server(cluster, namespace, "stranger", {"app": "other"}, both)

    kubeconfig = cluster.control_plane.kubeconfig
    own = f'{{namespace="{namespace}"}}'
    with Prometheus(binaries, tmp_path, kubeconfig, scrape_interval_seconds=1) as prometheus:
        eventually(lambda: len(query(prometheus, f"test_answers_total{own}")) == 3)
        found = {
            series["metric"]["pod"]: series["metric"]
            for series in query(prometheus, f"test_answers_total{own}")
        }
        assert found["decode"]["pd_service"] == "chat"
        assert found["decode"]["pd_role"] == "decode"
        assert found["decode"]["instance"].endswith(":30000")
        assert found["router"]["pd_role"] == "router"
        assert found["router"]["instance"].endswith(":29000")
        assert found["operator"]["instance"].endswith(":8080")

        url, seen_at = prometheus.url, time.time()
        prometheus.stop()
        with pytest.raises(OSError, match="refused"):
            query(prometheus, "up")
        prometheus.start()
        assert prometheus.url == url
        assert query(prometheus, f"test_answers_total{own} @ {seen_at:.3f}")


def test_history_from_a_file_can_be_queried(
    cluster: Cluster, binaries: Programs, tmp_path: Path
) -> None:
    start = int(time.time()) - 86_400
    samples = [f"requests_total {60 * minute} {start + 60 * minute}" for minute in range(1440)]
    history = tmp_path / "history.om"
    history.write_text("\n".join(["# TYPE requests counter", *samples, "# EOF", ""]))
    kubeconfig = cluster.control_plane.kubeconfig
    with Prometheus(binaries, tmp_path / "p", kubeconfig, history=history) as prometheus:
        (series,) = query(prometheus, "rate(requests_total[1h] offset 12h)")
    assert float(series["value"][1]) == pytest.approx(1.0)
