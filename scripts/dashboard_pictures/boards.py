"""What a dashboard's JSON asks for: the part of Grafana's model that our boards use."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class Target:
    """One query of a panel."""

    letter: str
    promql: str
    legend: str
    instant: bool

    def name_of(self, labels: Mapping[str, str]) -> str:
        """The legend of one series: `{{label}}` is the label's value."""
        return re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), self.legend)


@dataclass(frozen=True)
class Panel:
    """One panel, and where it stands: columns and rows of Grafana's grid of 24 columns."""

    kind: str
    title: str
    x: int
    y: int
    width: int
    height: int
    targets: tuple[Target, ...]
    defaults: Mapping[str, Any]
    overrides: Mapping[str, Mapping[str, Any]]
    """By the name of a series: what is different of it."""
    renamed: Mapping[str, str]
    """A table's columns by Grafana's own names for them."""

    def look(self, series: str) -> dict[str, Any]:
        """How a series is drawn: the panel's settings, and over them its own."""
        custom = {f"custom.{name}": value for name, value in self._custom.items()}
        return {**self.defaults, **custom, **self.overrides.get(series, {})}

    @property
    def _custom(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.defaults.get("custom", {})
        return found

    @classmethod
    def parse(cls, panel: Mapping[str, Any]) -> Self:
        """Of one panel of the dashboard."""
        place, field = panel["gridPos"], panel.get("fieldConfig", {})
        renamed: Mapping[str, str] = {}
        for one in panel.get("transformations") or ():
            renamed = one["options"].get("renameByName", renamed)
        return cls(
            kind=panel["type"],
            title=panel["title"],
            x=place["x"],
            y=place["y"],
            width=place["w"],
            height=place["h"],
            targets=tuple(_target(one) for one in panel.get("targets", ())),
            defaults=field.get("defaults", {}),
            overrides={
                one["matcher"]["options"]: {each["id"]: each["value"] for each in one["properties"]}
                for one in field.get("overrides", ())
            },
            renamed=renamed,
        )


@dataclass(frozen=True)
class Variable:
    """A variable that is asked of Prometheus, as `label_values(...)` or `query_result(...)`."""

    name: str
    query: str
    regex: str
    includes_all: bool


@dataclass(frozen=True)
class Board:
    """A dashboard."""

    title: str
    variables: tuple[Variable, ...]
    panels: tuple[Panel, ...]
    marks: tuple[Target, ...]
    """Annotations: each moment at which one of them has a value."""


def read_board(path: Path) -> Board:
    """A dashboard of the chart."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return Board(
        title=document["title"],
        variables=tuple(
            Variable(one["name"], one["query"], one.get("regex", ""), bool(one.get("includeAll")))
            for one in document["templating"]["list"]
            if one["type"] == "query"
        ),
        panels=tuple(Panel.parse(panel) for panel in document["panels"]),
        marks=tuple(
            Target("", one["expr"], one["name"], instant=False)
            for one in document.get("annotations", {}).get("list", ())
            if one.get("enable") and one.get("expr")
        ),
    )


def _target(target: Mapping[str, Any]) -> Target:
    instant = bool(target.get("instant"))
    return Target(target["refId"], target["expr"], target["legendFormat"], instant)
