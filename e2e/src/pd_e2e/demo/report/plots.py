"""The single panels: each draws one thing of a run into given axes."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from pd_e2e.demo.forecast_error import Actual, forecasts_made
from pd_e2e.demo.report import style
from pd_e2e.demo.report.windows import sliding_percentiles, sliding_share
from pd_e2e.demo.run import Run
from pd_e2e.demo.timeline import Band, ForecastSample
from pd_e2e.loadgen.schedule import FloatArray
from pd_operator.api.roles import Role
from pd_operator.cli.report import draw
from pd_operator.cli.report.style import DECODE, GOAL, LOAD, PREFILL

WINDOW_SECONDS = 30.0
GRID_SECONDS = 2.0


def grid(run: Run) -> FloatArray:
    """The seconds at which sliding figures are drawn."""
    return np.arange(0.0, run.duration_seconds + GRID_SECONDS, GRID_SECONDS, dtype=np.float64)


def services(axes: Axes, run: Run) -> None:
    """The services' loads on top of each other."""
    seconds = grid(run)
    rates = run.load.mean_rates(seconds, WINDOW_SECONDS / 2)
    colors = ["#e2e8f0", "#b6c2d2"]
    axes.stackplot(seconds, rates, colors=colors, labels=run.load.services, linewidth=0)
    axes.set_ylim(0, 1.1 * rates.sum(axis=0).max())


def forecast(
    axes: Axes,
    run: Run,
    role: Role,
    quantity: Callable[[ForecastSample], Band],
    actual: Actual,
    unit: float = 1.0,
) -> None:
    """What was offered, and what had been forecast for that moment a lead time before."""
    color = style.ROLE_COLORS[role]
    seconds = grid(run)
    axes.plot(seconds, actual(seconds) / unit, color=LOAD, lw=1.0, label="offered")
    forecast_band(axes, run, role, quantity, color=color, unit=unit)


def forecast_band(
    axes: Axes,
    run: Run,
    role: Role,
    quantity: Callable[[ForecastSample], Band],
    *,
    color: str,
    unit: float = 1.0,
) -> None:
    """What a pool was told to expect, at the time that it is about."""
    made = forecasts_made(run.timeline, role)
    started = run.requests.started_unix_seconds
    target = np.array([f.made_unix_seconds + f.horizon_seconds - started for f in made])
    bands = [quantity(f) for f in made]
    low, median, high = (
        np.array([getattr(band, name) for band in bands]) / unit
        for name in ("low", "median", "high")
    )
    axes.fill_between(target, low, high, color=color, alpha=0.16, lw=0, label="forecast, its band")
    axes.plot(target, median, color=color, label="forecast, median")
    reached = high[(target >= 0) & (target <= run.duration_seconds)]
    axes.set_ylim(0, max(axes.get_ylim()[1], 1.05 * reached.max(initial=0.0)))


def workers(axes: Axes, run: Run, role: Role) -> None:
    """Ready workers as an area, wanted ones as a line, perfect knowledge dashed."""
    steps, color = run.steps[role], style.ROLE_COLORS[role]
    wanted, ready = (of.astype(np.float64) for of in (steps.desired, steps.ready))
    draw.workers(axes, steps.seconds, wanted, ready, color)
    needed = run.needed.of(role).astype(np.float64)
    _dashed(axes, run, needed)
    axes.set_ylim(0, max(axes.get_ylim()[1], steps.desired.max() + 0.6, needed.max() + 0.6))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def attainment(axes: Axes, run: Run) -> None:
    """Share of the last 30 s' requests within each objective."""
    seconds, judged = grid(run), run.judged
    order = np.argsort(judged.scheduled_seconds, kind="stable")
    arrivals = judged.scheduled_seconds[order]
    lines = (
        ("TTFT", run.met_ttft, PREFILL),
        ("TPOT", run.met_tpot, DECODE),
    )
    for label, met, color in lines:
        share = sliding_share(arrivals, met[order], seconds, WINDOW_SECONDS)
        axes.plot(seconds, share, color=color, label=label)
    axes.axhline(run.goal_share, color=GOAL, lw=1.0, ls="--", label="goal")
    lowest = min(axes.get_ylim()[0], run.goal_share - 0.05)
    axes.set_ylim(max(0.0, lowest), 1.01)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def latency(axes: Axes, run: Run, values: FloatArray, objective: float, color: str) -> None:
    """P50, P90 and P99 of the last 30 s' requests, in milliseconds, and the objective."""
    seconds, judged = grid(run), run.judged
    order = np.argsort(judged.scheduled_seconds, kind="stable")
    arrivals = judged.scheduled_seconds[order]
    percents = (50, 90, 99)
    rows = sliding_percentiles(arrivals, values[order], seconds, WINDOW_SECONDS, percents)
    for percent, row, width, alpha in zip(
        percents, rows * 1000, (1.3, 1.9, 1.0), (0.55, 1.0, 0.4), strict=True
    ):
        axes.plot(seconds, row, color=color, lw=width, alpha=alpha, label=f"P{percent}")
    axes.axhline(objective * 1000, color=GOAL, lw=1.0, ls="--", label="objective")
    axes.set_ylim(0, _reach(rows * 1000, objective * 1000))


def ratio(axes: Axes, run: Run) -> None:
    """Ready prefill workers per ready decode worker, and what the load needs."""
    prefill, decode = run.steps[Role.PREFILL], run.steps[Role.DECODE]
    ready = prefill.ready / np.maximum(decode.ready, 1)
    axes.step(prefill.seconds, ready, where="post", color="#7c3aed", label="ready")
    _dashed(axes, run, run.needed.prefill / run.needed.decode)
    axes.set_ylim(bottom=0)


def _dashed(axes: Axes, run: Run, needed: FloatArray) -> None:
    """What perfect knowledge would have had, one value per step."""
    seconds = np.append(run.needed.seconds, run.needed.seconds[-1] + run.needed.bin_seconds)
    axes.step(
        seconds,
        np.append(needed, needed[-1]),
        where="post",
        color=style.PERFECT,
        lw=1.2,
        ls=(0, (2, 1.5)),
        label="the load needs",
    )


def _reach(rows: FloatArray, objective: float) -> float:
    """Show all of P50 and P90 and the objective; P99 only up to twice the objective."""
    _, p90, p99 = np.nanmax(rows, axis=1, initial=0.0)
    return float(max(1.3 * objective, 1.15 * p90, min(1.1 * p99, 2 * objective)))
