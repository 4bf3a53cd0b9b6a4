"""Every query is one that Prometheus itself can read, whatever stands in its holes."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pd_e2e.cluster.binaries import Programs
from pd_e2e.cluster.daemon import Daemon
from pd_e2e.cluster.families import Program
from pd_operator.telemetry.promql import ALL_TEMPLATES, NEWEST_SAMPLE
from pd_operator.telemetry.template import Edge, Seconds, Template, Value

HOLES: dict[str, Value] = {
    "namespace": "team",
    "service": 'chat"\n\\',
    "metric": "smg_http_requests_total",
    "role": "prefill",
    "window": Seconds(300),
    "around": Seconds(330),
    "step": Seconds(15),
    "edge": Edge(0.8),
}


def rendered(template: Template) -> str:
    holes = {name: value for name, value in HOLES.items() if f"${name}" in template.text}
    return template.render(**holes)


def test_promtool_parses_every_template(binaries: Programs, tmp_path: Path) -> None:
    rules = [
        {"record": f"pd:{template.name}", "expr": rendered(template)} for template in ALL_TEMPLATES
    ]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "templates", "rules": rules}]}))
    command = [str(binaries[Program.PROMTOOL]), "check", "rules", str(file)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert f"{len(ALL_TEMPLATES)} rules found" in checked.stdout


@pytest.fixture(scope="module")
def parse(
    prometheus_holding: Callable[[str], tuple[str, Daemon]],
) -> Callable[[str], dict[str, Any]]:
    """Ask Prometheus' own parser for the syntax tree of a query."""
    url, _ = prometheus_holding("")
    session = requests.Session()

    def parse(query: str) -> dict[str, Any]:
        answer = session.post(f"{url}/api/v1/parse_query", data={"query": query}, timeout=10)
        assert answer.ok, answer.text
        tree: dict[str, Any] = answer.json()["data"]
        return tree

    return parse


@settings(max_examples=200, deadline=None)
@given(
    namespace=st.text(st.characters(exclude_categories=["Cs"])),
    service=st.text(st.characters(exclude_categories=["Cs"])),
)
@example(namespace='"} or vector(1) #', service="\\")
@example(namespace="\n\r\t\b\f\x00\x7f", service="`'\"")
@example(namespace="$service", service="${namespace}")
def test_prometheus_reads_a_label_value_as_it_was_given(
    parse: Callable[[str], dict[str, Any]], namespace: str, service: str
) -> None:
    query = NEWEST_SAMPLE.render(namespace=namespace, service=service, metric="smg_x")
    selector = parse(query)["expr"]["args"][0]
    values = {matcher["name"]: matcher["value"] for matcher in selector["matchers"]}
    assert values == {
        "__name__": "smg_x",
        "namespace": namespace,
        "pd_service": service,
        "pod": "",
    }
