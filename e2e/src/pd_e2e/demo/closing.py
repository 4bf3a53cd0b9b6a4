"""The end of the demo: figures of the operator itself, summary, report, and a table to read."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

from rich.console import Console
from rich.table import Table

from pd_e2e.demo.report import write_report
from pd_e2e.demo.run import Run
from pd_e2e.demo.stage import CHART, SERVICE
from pd_e2e.demo.summary import summarize
from pd_e2e.expressions import Kind, chart_expressions

TIMEOUT_SECONDS = 10.0

GOALS: Mapping[str, tuple[str, float]] = {
    "requests_failed": ("at most", 0),
    "joint_attainment": ("at least", 0.95),
    "scale_ups_ahead_share": ("at least", 0.5),
    "gpu_seconds_share_of_static_peak": ("at most", 0.85),
    "forecast_relative_mae_at_lead": ("below", 1.0),
}
"""What the demo promises; each is checked against the run and shown beside it."""


@dataclass(frozen=True)
class OperatorFigures:
    """How the operator itself did, and whether dashboards and rules had data."""

    tick_seconds_p50: float | None
    tick_seconds_p99: float | None
    operator_cpu_cores: float | None
    operator_memory_megabytes: float | None
    ticks_failed: float | None
    expressions: int
    expressions_without_data: tuple[str, ...]


def close(results: Path, run: Run, prometheus_url: str, console: Console) -> None:
    """Write summary.json and report.html, and print the figures against the goals."""
    figures: dict[str, object] = dict(summarize(run).figures())
    ahead = figures["scale_ups_ahead"]
    late = figures["scale_ups_late"]
    if isinstance(ahead, int) and isinstance(late, int) and ahead + late:
        # Of those that the load came to need: head-room that was not is neither ahead nor late.
        figures["scale_ups_ahead_share"] = round(ahead / (ahead + late), 4)
    figures |= vars(operator_figures(prometheus_url, run.duration_seconds))
    summary = results / f"summary-{run.scenario}.json"
    summary.write_text(json.dumps(figures, indent=2) + "\n")
    shutil.copyfile(summary, results / "summary.json")
    report = results / f"report-{run.scenario}.html"
    write_report(report, run)
    shutil.copyfile(report, results / "report.html")
    console.print(_table(figures))
    console.print(f"Summary: {results / 'summary.json'}\nReport:  {results / 'report.html'}")


def operator_figures(prometheus_url: str, seconds: float) -> OperatorFigures:
    """Ask the demo's Prometheus about the operator, over the last `seconds`."""
    window = f"[{seconds:.0f}s]"
    ticks = f"sum by (le) (increase(pd_operator_tick_duration_seconds_bucket{window}))"
    process = '{job="pods",pd_role="",pod=~"pd-operator.*"}'
    expressions = chart_expressions(CHART, namespace=SERVICE.namespace, service=SERVICE.name)
    asked = [
        (expression, query)
        for expression in expressions
        for query in (
            expression.selectors if expression.kind is Kind.ALERT else (expression.promql,)
        )
    ]
    without = tuple(
        sorted({f"{e.source}: {e.title}" for e, query in asked if not _ask(prometheus_url, query)})
    )
    memory = _number(
        prometheus_url, f"max_over_time(process_resident_memory_bytes{process}{window})"
    )
    return OperatorFigures(
        tick_seconds_p50=_number(prometheus_url, f"histogram_quantile(0.5, {ticks})"),
        tick_seconds_p99=_number(prometheus_url, f"histogram_quantile(0.99, {ticks})"),
        operator_cpu_cores=_number(
            prometheus_url, f"rate(process_cpu_seconds_total{process}{window})"
        ),
        operator_memory_megabytes=None if memory is None else memory / 1e6,
        ticks_failed=_number(
            prometheus_url, f'sum(increase(pd_operator_ticks_total{{result!="ok"}}{window}))'
        ),
        expressions=len(expressions),
        expressions_without_data=without,
    )


def _ask(url: str, query: str) -> list[dict[str, list[float | str]]]:
    with urlopen(  # noqa: S310 - http to the demo's own Prometheus on loopback
        f"{url}/api/v1/query?{urlencode({'query': query})}", timeout=TIMEOUT_SECONDS
    ) as answer:
        result: list[dict[str, list[float | str]]] = json.load(answer)["data"]["result"]
    return result


def _number(url: str, query: str) -> float | None:
    result = _ask(url, query)
    return round(float(result[0]["value"][1]), 4) if result else None


def _table(figures: Mapping[str, object]) -> Table:
    table = Table("figure", "value", "goal", title="The day, played", title_justify="left")
    for name, value in figures.items():
        goal, look = "", ""
        if name in GOALS and isinstance(value, int | float):
            words, bound = GOALS[name]
            goal = f"{words} {bound:g}"
            look = "green" if _meets(words, bound, float(value)) else "bold red"
        table.add_row(name, f"[{look}]{value}[/]" if look else str(value), goal)
    return table


def _meets(words: str, bound: float, value: float) -> bool:
    return {"at most": value <= bound, "at least": value >= bound, "below": value < bound}[words]
