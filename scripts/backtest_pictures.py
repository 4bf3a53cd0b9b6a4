"""The pictures of a backtest in `docs/images`: what `kubectl pd backtest --html` shows of one load.

    python -m scripts.backtest_pictures

replays the code service of the whole traces (PD_SHARED), with the defaults of a service, and draws
the head of the report's page: tiles and forecasts; then coverage, and the experts' shares and
errors. The drawing is the page's own but for the tiles, which are HTML there.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import FancyBboxPatch
from scripts.bench_inputs import whole_traces

from pd_operator.api.autoscaling import ForecastSpec
from pd_operator.cli.backtesting import plots
from pd_operator.cli.backtesting.files import FileOptions, read_file
from pd_operator.cli.backtesting.page import tiles
from pd_operator.cli.backtesting.replay import Replay, replay
from pd_operator.cli.backtesting.run import ALWAYS_ASKED, DEFAULT_AHEAD_SECONDS
from pd_operator.cli.report.page import Tile
from pd_operator.cli.report.style import INK, MUTED, WIDTH_INCHES, legend, style, time_axis, title
from pd_operator.demand.backtest import BacktestPlan

IMAGES = Path(__file__).parents[1] / "docs" / "images"
_TRACE = "azure2024_code_thin25_d0-3.parquet"
_FORECASTS = 800
_DPI = 100
_COLORS = {True: "#15803d", False: "#b91c1c", None: INK}


def main() -> None:
    """Replay and draw; minutes of work."""
    done = replayed()
    with style():
        head(done).savefig(IMAGES / "backtest.png", dpi=_DPI)
        experts(done).savefig(IMAGES / "backtest_experts.png", dpi=_DPI)


def replayed() -> Replay:
    """The day's loads, forecast as a service with defaults forecasts them."""
    loads = read_file(whole_traces() / _TRACE, FileOptions(bin_seconds=60.0))
    spec = ForecastSpec()
    plan = BacktestPlan(
        model=spec.model.value,
        season_seconds=spec.season_seconds,
        horizons_seconds=DEFAULT_AHEAD_SECONDS,
        percentiles=tuple(sorted({*ALWAYS_ASKED, spec.quantile_percent})),
        maximum_origins=_FORECASTS,
    )
    return replay(replace(loads, name="code"), plan, spec.quantile_percent, lambda: None)


def head(done: Replay) -> Figure:
    """Tiles, then the requests' forecasts over all the time and where they rose most."""
    figure = Figure(figsize=(WIDTH_INCHES, 6.6), layout="constrained")
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(1, 3.1))[:, 0]
    _draw_tiles(above, tiles(done))
    series = done.series[0]
    target = series.seconds + done.plan.horizons_seconds[0]
    whole = float(target[0]), float(target[-1])
    panels = (
        (whole, series.name),
        (plots.close_look(series), f"{series.name}, steepest rise"),
    )
    for axes, (window, words) in zip(below.subplots(2, 1), panels, strict=True):
        plots.forecast(axes, done, 0, window)
        _named(axes, words)
        legend(axes)
        time_axis(axes, dated=done.loads.dated)
    return figure


def experts(done: Replay) -> Figure:
    """Coverage by percentile and over time; shares and errors of the requests' experts."""
    figure = Figure(figsize=(WIDTH_INCHES, 9.6), layout="constrained")
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(1, 1.6))[:, 0]
    left, right = above.subplots(1, 2, width_ratios=(1, 1.7))
    plots.reliability(left, done)
    _named(left, "loads at or below")
    left.legend(loc="upper left")
    plots.coverage(right, done)
    _named(right, f"loads at or below P{done.percentile}, over time")
    series = done.series[0]
    shares, errors = below.subplots(2, 1, sharex=True)
    plots.experts(shares, series)
    _named(shares, f"{series.name}: shares of the experts")
    plots.worth(errors, series)
    _named(errors, f"{series.name}: error of each alone / last value's")
    for axes in (right, shares, errors):
        time_axis(axes, dated=done.loads.dated, labeled=axes is not shares)
    handles, labels = shares.get_legend_handles_labels()
    below.legend(handles, labels, loc="outside lower center", ncols=5)
    return figure


def _named(axes: Axes, words: str) -> None:
    title(axes, words[:1].upper() + words[1:])


def _draw_tiles(figure: SubFigure, shown: Sequence[Tile]) -> None:
    for axes, tile in zip(figure.subplots(1, len(shown)), shown, strict=True):
        axes.set_axis_off()
        axes.add_patch(
            FancyBboxPatch(
                (0, 0),
                1,
                1,
                transform=axes.transAxes,
                boxstyle="round,pad=0,rounding_size=0.06",
                facecolor="#f8fafc",
                edgecolor="#e2e8f0",
                clip_on=False,
            )
        )
        parts = (
            (0.93, tile.figure, 19, _COLORS[tile.good], "bold"),
            (0.66, textwrap.fill(tile.name, 23), 9.5, INK, "bold"),
            (0.26, textwrap.fill(tile.note, 27), 8.5, MUTED, "normal"),
        )
        for height, words, size, color, weight in parts:
            axes.text(
                0.07,
                height,
                words,
                transform=axes.transAxes,
                fontsize=size,
                color=color,
                fontweight=weight,
                verticalalignment="top",
            )


if __name__ == "__main__":
    main()
