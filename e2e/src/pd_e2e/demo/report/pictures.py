"""The README's pictures: one run, and the same day with and without a forecast."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pd_e2e.demo.report import plots
from pd_e2e.demo.report.style import day_axis
from pd_e2e.demo.run import Run
from pd_e2e.demo.summary import summarize
from pd_operator.api.roles import Role
from pd_operator.cli.report.style import legend, style, svg, title

FORECAST = "#7c3aed"
"""Of neither pool: both are sized for it."""


def write_picture(path: Path, run: Run) -> None:
    """Draw one run: load, workers of both roles, attainment."""
    with style(text_as_paths=True):
        path.write_text(svg(picture(run)))


def write_comparison(path: Path, runs: Mapping[str, Run]) -> None:
    """Draw runs of the same day side by side, each under its heading."""
    with style(text_as_paths=True):
        path.write_text(svg(comparison(runs)))


def picture(run: Run) -> Figure:
    """Four panels that share the replayed day as their x-axis."""
    figure = Figure(figsize=(10, 8.2), layout="constrained")
    rows = figure.subplots(4, 1, sharex=True, height_ratios=(1.2, 1, 1, 0.8))
    load, prefill, decode, attained = rows
    plots.services(load, run)
    plots.forecast_band(load, run, Role.PREFILL, lambda f: f.requests_per_second, color=FORECAST)
    title(load, "Requests per second")
    plots.workers(prefill, run, Role.PREFILL)
    title(prefill, "Prefill workers")
    plots.workers(decode, run, Role.DECODE)
    title(decode, "Decode workers")
    plots.attainment(attained, run)
    title(attained, "Requests within their objective")
    for axes in rows:
        legend(axes)
        day_axis(axes, run, labeled=axes is attained)
    return figure


def comparison(runs: Mapping[str, Run]) -> Figure:
    """A column per run: workers of both roles, and attainment; rows share their scales."""
    figure = Figure(figsize=(6.2 * len(runs), 8.0), layout="constrained")
    grid = figure.subplots(3, len(runs), sharex=True, sharey="row", squeeze=False)
    for column, (heading, run) in enumerate(runs.items()):
        _column([row[column] for row in grid], heading, run)
    return figure


def _column(rows: list[Axes], heading: str, run: Run) -> None:
    prefill, decode, attained = rows
    summary = summarize(run)
    plots.workers(prefill, run, Role.PREFILL)
    plots.workers(decode, run, Role.DECODE)
    plots.attainment(attained, run)
    title(
        prefill,
        f"{heading}\n\n"
        f"{summary.requests.joint_attainment:.1%} of the requests within both objectives\n"
        f"{summary.cost.gpu_seconds_share_of_static_peak:.0%} of the static peak's GPU time\n"
        f"{summary.scaling.scale_ups_ahead} of {summary.scaling.scale_ups} scale-ups ahead of the"
        " load\n\nPrefill workers",
    )
    title(decode, "Decode workers")
    title(attained, "Requests within their objective")
    for axes in rows:
        legend(axes)
        day_axis(axes, run, labeled=axes is attained)
