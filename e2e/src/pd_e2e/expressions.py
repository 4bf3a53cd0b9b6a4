"""Every PromQL expression that the chart ships, ready to be parsed or asked."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

SELECTOR = re.compile(
    r"(?:pd_operator_|sglang:|smg_|namespace_service_objective:)[\w:]+(?:\{[^}]*\})?"
)
"""A series of ours, of the engines or of the router, with the matchers it is selected by."""


class Kind(StrEnum):
    """What an expression is for; that says what an empty answer means."""

    PANEL = "panel"
    RECORD = "record"
    ALERT = "alert"  # empty while all is well


@dataclass(frozen=True)
class Expression:
    """One expression: the file it stands in, its panel or rule, and its text."""

    source: str
    title: str
    promql: str
    kind: Kind

    @property
    def selectors(self) -> tuple[str, ...]:
        """The series it reads. Each must exist even where the expression itself is empty."""
        return tuple(dict.fromkeys(SELECTOR.findall(self.promql)))


def chart_expressions(
    chart: Path,
    *,
    namespace: str,
    service: str,
    rate_interval: str = "1m",
    time_range: str = "30m",
    lead_seconds: int = 240,
) -> list[Expression]:
    """All expressions of the chart's dashboards and rules, with Grafana's variables filled in.

    Args:
        chart: Folder of the chart.
        namespace: Value of the dashboards' variable `namespace`.
        service: Value of the dashboards' variable `service`.
        rate_interval: What Grafana would put for `$__rate_interval`.
        time_range: What Grafana would put for `$__range`.
        lead_seconds: Value of the dashboards' variables of lead times.

    """
    variables = {
        "__rate_interval": rate_interval,
        "__range": time_range,
        "cluster": ".*",
        "namespace": namespace,
        "service": service,
        "lead_prefill": str(lead_seconds),
        "lead_decode": str(lead_seconds),
    }
    panels = (
        Expression(each.source, each.title, _filled(each.promql, variables), each.kind)
        for path in sorted(chart.glob("dashboards/*.json"))
        for each in _panels(path)
    )
    rules = (each for path in sorted(chart.glob("rules/*.yaml")) for each in _rules(path))
    return [*panels, *rules]


def _panels(path: Path) -> Iterator[Expression]:
    for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", []):
            title = f"{panel['title']}: {target['legendFormat']}"
            yield Expression(path.name, title, target["expr"], Kind.PANEL)


def _rules(path: Path) -> Iterator[Expression]:
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    for group in document["groups"]:
        for rule in group["rules"]:
            kind = Kind.ALERT if "alert" in rule else Kind.RECORD
            yield Expression(path.name, rule[kind], rule["expr"], kind)


def _filled(promql: str, variables: dict[str, str]) -> str:
    """Replace `$name` and `${name}`, as Grafana does; an unknown variable raises KeyError."""
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda match: variables[match[1] or match[2]], promql)
