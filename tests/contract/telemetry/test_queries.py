"""Every query is one that Prometheus itself can read, whatever stands in its holes."""

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
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
from pd_operator.api.names import ServiceKey
from pd_operator.api.roles import Role
from pd_operator.api.scale_target import ScaleTargetRef
from pd_operator.telemetry.promql import ALL_TEMPLATES, NEWEST_SAMPLE
from pd_operator.telemetry.series import (
    OWN_SERIES,
    AttachedSeries,
    ServiceSeries,
    series_holes,
)
from pd_operator.telemetry.template import Edge, Matchers, Seconds, Template, Value

SERVICE = ServiceKey("team", 'chat"\n\\')
HOLES: dict[str, Value] = {
    "metric": "smg_http_requests_total",
    "pods": OWN_SERIES.workers(SERVICE, Role.PREFILL),
    "window": Seconds(300),
    "around": Seconds(330),
    "step": Seconds(15),
    "edge": Edge(0.8),
}


ATTACHED = AttachedSeries(
    router_labels={"job": 'smg"\n\\'},
    pool_labels={Role.PREFILL: {"app": "prefill"}},
    targets={
        Role.DECODE: ScaleTargetRef(api_version="apps/v1", kind="Deployment", name="chat.decode")
    },
)


def rendered(template: Template, series: ServiceSeries) -> str:
    holes = {name: value for name, value in HOLES.items() if name in template.holes}
    return template.render(**holes, **series_holes(template, series, SERVICE))


@pytest.mark.parametrize("series", [OWN_SERIES, ATTACHED], ids=["own", "attached"])
def test_promtool_parses_every_template(
    binaries: Programs, tmp_path: Path, series: ServiceSeries
) -> None:
    rules = [
        {"record": f"pd:{template.name}", "expr": rendered(template, series)}
        for template in ALL_TEMPLATES
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
    pods = OWN_SERIES.anyone(ServiceKey(namespace, service))
    assert matchers(parse, pods) == {
        ("__name__", "=", "smg_x"),
        ("namespace", "=", namespace),
        ("pd_service", "=", service),
        ("pod", "!=", ""),
    }


@settings(max_examples=100, deadline=None)
@given(value=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
@example(value='"} or vector(1) #')
@example(value="$routers\\")
def test_prometheus_reads_the_labels_of_other_hands_as_they_were_given(
    parse: Callable[[str], dict[str, Any]], value: str
) -> None:
    series = replace(ATTACHED, router_labels={"job": value})
    assert matchers(parse, series.routers(SERVICE)) == {
        ("__name__", "=", "smg_x"),
        ("namespace", "=", "team"),
        ("job", "=", value),
        ("pod", "!=", ""),
    }


@pytest.mark.parametrize(
    ("kind", "pod", "is_one"),
    [
        ("Deployment", "chat.decode-7d4b9c6f5-x2x9z", True),
        ("Deployment", "chat.decode-canary-7d4b9c6f5-x2x9z", False),
        ("Deployment", "chatxdecode-7d4b9c6f5-x2x9z", False),
        ("StatefulSet", "chat.decode-12", True),
        ("StatefulSet", "chat.decode-canary-0", False),
        ("LeaderWorkerSet", "chat.decode-0", True),
        ("LeaderWorkerSet", "chat.decode-0-1", False),
        ("RoleBasedGroupScalingAdapter", "chat.decode-anything", True),
    ],
)
def test_pods_of_a_workload_are_told_by_the_names_that_its_kind_gives(
    parse: Callable[[str], dict[str, Any]], kind: str, pod: str, is_one: bool
) -> None:
    ref = ScaleTargetRef(api_version="apps/v1", kind=kind, name="chat.decode")
    series = replace(ATTACHED, targets={Role.DECODE: ref})
    (names,) = [
        value
        for name, operator, value in matchers(parse, series.workers(SERVICE, Role.DECODE))
        if (name, operator) == ("pod", "=~")
    ]
    # Prometheus' regular expressions match the whole value.
    assert bool(re.fullmatch(names, pod)) is is_one


def matchers(parse: Callable[[str], dict[str, Any]], pods: Matchers) -> set[tuple[str, str, str]]:
    """What Prometheus itself reads in a selector."""
    selector = parse(NEWEST_SAMPLE.render(metric="smg_x", pods=pods))["expr"]["args"][0]
    return {(one["name"], one["type"], one["value"]) for one in selector["matchers"]}
