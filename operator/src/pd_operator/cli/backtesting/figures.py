"""The report's figures: panels side by side and under each other."""

from collections.abc import Callable, Iterator, Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pd_operator.cli.backtesting import plots
from pd_operator.cli.backtesting.replay import Replay
from pd_operator.cli.report.style import WIDTH_INCHES, legend, time_axis, title
from pd_operator.demand.backtest import SeriesBacktest

_PANEL_INCHES = 2.3


def forecast_figure(replay: Replay) -> Figure:
    """Every series over all the time, then each where it rose most."""
    count = len(replay.series)
    figure = Figure(figsize=(WIDTH_INCHES, 0.5 + 2 * _PANEL_INCHES * count), layout="constrained")
    rows = figure.subplots(2 * count, 1, squeeze=False)[:, 0]
    for number, series in enumerate(replay.series):
        target = series.seconds + replay.plan.horizons_seconds[0]
        whole = float(target[0]), float(target[-1])
        for axes, window, words in (
            (rows[2 * number], whole, series.name),
            (rows[2 * number + 1], plots.close_look(series), f"{series.name}, steepest rise"),
        ):
            plots.forecast(axes, replay, number, window)
            title(axes, words[:1].upper() + words[1:])
            legend(axes)
            time_axis(axes, dated=replay.loads.dated)
    return figure


def error_figure(replay: Replay) -> Figure:
    """Errors by horizon."""
    figure = Figure(figsize=(WIDTH_INCHES, 3.4), layout="constrained")
    axes = figure.subplots()
    plots.errors(axes, replay)
    title(axes, "Error / last value's error")
    legend(axes)
    return figure


def coverage_figure(replay: Replay) -> Figure:
    """Reliability at the left, coverage over time at the right."""
    figure = Figure(figsize=(WIDTH_INCHES, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.7))
    plots.reliability(left, replay)
    title(left, "Loads at or below")
    left.legend(loc="upper left")
    plots.coverage(right, replay)
    title(right, f"Loads at or below P{replay.percentile}, over time")
    time_axis(right, dated=replay.loads.dated)
    return figure


def expert_figure(replay: Replay) -> Figure:
    """Shares of the experts, a panel a series, with one legend."""
    shown = [series for series in replay.series if series.shares]
    return _panels(replay, shown, plots.experts)


def worth_figure(replay: Replay) -> Figure:
    """Error of each expert alone over the last value's, a panel a series, with one legend."""
    shown = [series for series in replay.series if series.experts]
    return _panels(replay, shown, plots.worth)


def _panels(
    replay: Replay,
    shown: Sequence[SeriesBacktest],
    draw: Callable[[Axes, SeriesBacktest], None],
) -> Figure:
    """What `draw` makes of each series, below each other, with one legend."""
    figure = Figure(figsize=(WIDTH_INCHES, 0.9 + 1.9 * len(shown)), layout="constrained")
    rows = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    for axes, series in zip(rows, shown, strict=True):
        draw(axes, series)
        title(axes, series.name[:1].upper() + series.name[1:])
        time_axis(axes, dated=replay.loads.dated, labeled=axes is rows[-1])
    labels = {label: handle for axes in rows for handle, label in _legend_of(axes)}
    figure.legend(labels.values(), labels.keys(), loc="outside lower center", ncols=5)
    return figure


def _legend_of(axes: Axes) -> Iterator[tuple[Artist, str]]:
    return zip(*axes.get_legend_handles_labels(), strict=True)


def ratio_figure(replay: Replay) -> Figure:
    """The ratio over time."""
    if replay.loads.ratio_of is None:
        raise ValueError("the load does not tell a ratio")
    figure = Figure(figsize=(WIDTH_INCHES, 0.5 + _PANEL_INCHES), layout="constrained")
    axes = figure.subplots()
    plots.ratio(axes, replay, *replay.loads.ratio_of)
    title(axes, "Prompt tokens per generated token")
    legend(axes)
    time_axis(axes, dated=replay.loads.dated)
    return figure
