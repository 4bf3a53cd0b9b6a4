"""Pictures of the outcomes over time."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from pd_operator.cli.report.style import (
    GOAL,
    MUTED,
    WIDTH_INCHES,
    color,
    legend,
    time_axis,
    times,
    title,
)
from pd_operator.cli.simulating.comparison import Outcome
from pd_operator.demand import FloatArray
from pd_operator.planning.objectives import Objectives
from pd_operator.simulation import Requests

_WINDOWS = 160


def workers_figure(outcome: Outcome, requests: Requests) -> Figure:
    """The load, and the workers that the operator wanted and had."""
    figure = Figure(figsize=(WIDTH_INCHES, 6.4), layout="constrained")
    load, prefill, decode = figure.subplots(3, 1, sharex=True)
    edges = _edges(requests)
    counts, _ = np.histogram(requests.arrival_seconds, edges)
    load.fill_between(
        times(edges[:-1]), counts / np.diff(edges), color=MUTED, alpha=0.35, step="post", lw=0
    )
    title(load, "Requests per second")
    sizes = outcome.result.sizes
    at = times(np.array([size.time_seconds for size in sizes]))
    for number, (axes, name, wanted, serving) in enumerate(
        (
            (
                prefill,
                "Prefill workers",
                [size.prefill_wanted for size in sizes],
                [size.prefill_serving for size in sizes],
            ),
            (
                decode,
                "Decode workers",
                [size.decode_wanted for size in sizes],
                [size.decode_serving for size in sizes],
            ),
        ),
        start=1,
    ):
        axes.step(at, wanted, where="post", color=MUTED, lw=1.0, ls=":", label="wanted")
        axes.step(at, serving, where="post", color=color(number), label="serving")
        axes.set_ylim(bottom=0)
        title(axes, name)
        legend(axes)
    for axes in (load, prefill, decode):
        time_axis(axes, dated=False, labeled=axes is decode)
    return figure


def latency_figure(
    outcomes: Sequence[Outcome], requests: Requests, objectives: Objectives
) -> Figure:
    """TTFT and TPOT at their percentiles, over time."""
    figure = Figure(figsize=(WIDTH_INCHES, 5.4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    for axes, name, objective in (
        (above, "TTFT", objectives.ttft),
        (below, "TPOT", objectives.tpot),
    ):
        for number, outcome in enumerate(outcomes):
            result = outcome.result
            seconds = result.ttft_seconds if axes is above else result.tpot_seconds
            _over_time(axes, requests, seconds.astype(np.float64), objective.share, number, outcome)
        axes.axhline(1e3 * objective.seconds, color=GOAL, lw=1.0, ls="--", label="objective")
        _logarithmic(axes)
        title(axes, f"{name} P{objective.percentile}, milliseconds")
        time_axis(axes, dated=False, labeled=axes is below)
    legend(above)
    return figure


def _logarithmic(axes: Axes) -> None:
    """A logarithmic scale with numbers as people write them."""
    axes.set_yscale("log")
    axes.yaxis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
    for formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _over_time(
    axes: Axes,
    requests: Requests,
    seconds: FloatArray,
    share: float,
    number: int,
    outcome: Outcome,
) -> None:
    edges = _edges(requests)
    places = np.searchsorted(requests.arrival_seconds, edges)
    values = [_quantile(seconds[start:stop], share) for start, stop in pairwise(places)]
    axes.plot(
        times(edges[:-1]), 1e3 * np.array(values), color=color(number), lw=1.3, label=outcome.name
    )


def _quantile(seconds: FloatArray, share: float) -> float:
    known = seconds[np.isfinite(seconds)]
    return float(np.quantile(known, share)) if len(known) else float("nan")


def _edges(requests: Requests) -> FloatArray:
    """Windows that all plots share."""
    return np.linspace(0.0, requests.span_seconds + 1e-9, _WINDOWS + 1)
