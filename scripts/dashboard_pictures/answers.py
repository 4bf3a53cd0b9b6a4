"""Asks a dashboard's queries of a Prometheus, with variables filled in as Grafana does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from prometheus_api_client.prometheus_connect import PrometheusConnect
from scripts.dashboard_pictures.boards import Board, Target, Variable

from pd_operator.demand import FloatArray

POINTS = 400
"""About as many as a panel of Grafana has pixels."""

SCRAPES_OF_A_RATE = 4
"""Grafana's `$__rate_interval` is so many scrapes long, and at least a step and one more."""


VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")

ANNOTATION_STEP_SECONDS = 60.0
"""Grafana's own, where an annotation names none."""


@dataclass(frozen=True, eq=False)
class Line:
    """One series over time, by Unix seconds; NaN where it has no value."""

    labels: Mapping[str, str]
    seconds: FloatArray
    values: FloatArray


@dataclass(frozen=True)
class Span:
    """The dashboard's time range in Unix seconds, and how often pods are scraped."""

    begin: float
    end: float
    scrape_seconds: float

    @property
    def step_seconds(self) -> float:
        """Between two points of a graph; no shorter than a scrape."""
        return max(self.scrape_seconds, float(round((self.end - self.begin) / POINTS)))

    @property
    def built_in(self) -> dict[str, str]:
        """Grafana's own variables."""
        rate = max(self.step_seconds + self.scrape_seconds, SCRAPES_OF_A_RATE * self.scrape_seconds)
        return {
            "__range": f"{round(self.end - self.begin)}s",
            "__rate_interval": f"{round(rate)}s",
        }


class Asker:
    """Asks the queries of one dashboard over one span."""

    def __init__(self, prometheus: PrometheusConnect, board: Board, span: Span) -> None:
        self._prometheus = prometheus
        self.span = span
        self.chosen: dict[str, str] = dict(span.built_in)
        """Values of the variables, by name; what a person chooses first, or all."""
        for variable in board.variables:
            self.chosen[variable.name] = ".*" if variable.includes_all else self._first(variable)

    def moments(self, mark: Target) -> FloatArray:
        """Unix seconds at which an annotation has a value."""
        lines = self._lines(mark, ANNOTATION_STEP_SECONDS)
        found = {moment for line in lines for moment in line.seconds[~np.isnan(line.values)]}
        return np.array(sorted(found))

    def lines(self, target: Target) -> list[Line]:
        """A query over the span."""
        return self._lines(target, self.span.step_seconds)

    def _lines(self, target: Target, step: float) -> list[Line]:
        first, last = (datetime.fromtimestamp(s, UTC) for s in (self.span.begin, self.span.end))
        answer = self._prometheus.custom_query_range(self._filled(target), first, last, f"{step}")
        count = int((self.span.end - self.span.begin) / step) + 1
        seconds = self.span.begin + step * np.arange(count, dtype=np.float64)
        return [Line(one["metric"], seconds, _on(seconds, one["values"])) for one in answer]

    def values(self, target: Target) -> list[tuple[Mapping[str, str], float]]:
        """A query at the end of the span."""
        moment = {"time": f"{self.span.end:.3f}"}
        answer = self._prometheus.custom_query(self._filled(target), params=moment)
        return [(one["metric"], float(one["value"][1])) for one in answer]

    def _filled(self, target: Target) -> str:
        return self._fill(target.promql)

    def _fill(self, text: str) -> str:
        return re.sub(
            r"\$(?:\{(\w+)\}|(\w+))", lambda match: self.chosen[match[1] or match[2]], text
        )

    def _first(self, variable: Variable) -> str:
        """The first of a variable's choices; empty where there is none."""
        function, _, inside = self._fill(variable.query).partition("(")
        inside = inside.removesuffix(")")
        if function == "label_values":
            series, _, label = inside.rpartition(",")
            found = sorted(one["metric"].get(label.strip(), "") for one in self._seen(series))
            return str(next(iter(found), ""))
        moment = {"time": f"{self.span.end:.3f}"}
        for one in self._prometheus.custom_query(inside, params=moment):
            # As Grafana makes a text of an answer: labels, value, and time in milliseconds.
            text = f"{{}} {one['value'][1]} {round(1000 * self.span.end)}"
            match = re.search(variable.regex.strip("/"), text)
            if match:
                return match[1]
        return ""

    def _seen(self, series: str) -> list[dict[str, Any]]:
        """What a selector found within the span."""
        seconds = round(self.span.end - self.span.begin)
        query = f"last_over_time({series}[{seconds}s])"
        moment = {"time": f"{self.span.end:.3f}"}
        found: list[dict[str, Any]] = self._prometheus.custom_query(query, params=moment)
        return found


def _on(seconds: FloatArray, samples: list[list[Any]]) -> FloatArray:
    """Samples at the moments of an axis whose steps they lie on."""
    step = seconds[1] - seconds[0]
    values = np.full(len(seconds), np.nan)
    for moment, value in samples:
        index = round((float(moment) - seconds[0]) / step)
        if 0 <= index < len(values):
            values[index] = float(value)
    return values
