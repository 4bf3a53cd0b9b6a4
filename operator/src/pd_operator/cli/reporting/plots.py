"""The report's plots: load and forecast, workers of both roles, attainment."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from pd_operator.api.objectives import ObjectivesSpec
from pd_operator.api.roles import Role
from pd_operator.cli.report import draw
from pd_operator.cli.report.style import (
    ACTUAL,
    DECODE,
    GOAL,
    PREFILL,
    WIDTH_INCHES,
    legend,
    thousands,
    time_axis,
    times,
    title,
)
from pd_operator.cli.reporting.past import ServicePast

COLORS = {Role.PREFILL: PREFILL, Role.DECODE: DECODE}


def load_figure(past: ServicePast) -> Figure:
    """What was offered, and what had been forecast for that moment one lead time before."""
    figure = Figure(figsize=(WIDTH_INCHES, 3.4), layout="constrained")
    axes = figure.subplots()
    days = times(past.seconds)
    pool = past.pools[Role.PREFILL]
    axes.fill_between(
        days, 0, pool.forecast_high, color=PREFILL, alpha=0.12, lw=0, label="forecast, asked for"
    )
    axes.plot(days, pool.forecast_median, color=PREFILL, label="forecast, median")
    axes.plot(days, past.offered, color=ACTUAL, lw=1.0, label="offered")
    title(axes, "Requests per second")
    axes.set_ylim(bottom=0)
    thousands(axes)
    _finish(axes)
    return figure


def workers_figure(past: ServicePast) -> Figure:
    """Wanted and ready workers of both roles."""
    figure = Figure(figsize=(WIDTH_INCHES, 5.0), layout="constrained")
    rows = figure.subplots(2, 1, sharex=True)
    days = times(past.seconds)
    for axes, role in zip(rows, Role, strict=True):
        pool = past.pools[role]
        draw.workers(axes, days, pool.wanted, pool.ready, COLORS[role])
        title(axes, f"{role.value.capitalize()} workers")
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        _finish(axes, labeled=axes is rows[-1])
    return figure


def attainment_figure(past: ServicePast, objectives: ObjectivesSpec) -> Figure:
    """The share of requests within each objective, and what it should be."""
    figure = Figure(figsize=(WIDTH_INCHES, 3.0), layout="constrained")
    axes = figure.subplots()
    days = times(past.seconds)
    for name, color in (("ttft", PREFILL), ("tpot", DECODE)):
        axes.plot(days, past.attained[name], color=color, label=name.upper())
    for percent in {objectives.ttft.percentile, objectives.tpot.percentile}:
        axes.axhline(percent / 100, color=GOAL, lw=1.0, ls="--", label=f"goal {percent} %")
    axes.set_ylim(min(axes.get_ylim()[0], 0.8), 1.01)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    title(axes, "Requests within their objective")
    _finish(axes)
    return figure


def _finish(axes: Axes, *, labeled: bool = True) -> None:
    legend(axes)
    time_axis(axes, dated=True, labeled=labeled)
