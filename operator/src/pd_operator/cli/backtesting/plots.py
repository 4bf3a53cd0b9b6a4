"""The single panels: each draws one thing of a replay into given axes."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from pd_operator.cli.backtesting.replay import Replay
from pd_operator.cli.backtesting.words import duration
from pd_operator.cli.report import style
from pd_operator.demand import FloatArray
from pd_operator.demand.backtest import SeriesBacktest
from pd_operator.demand.forecast import RELEASE_PERCENT

BLOCK_FORECASTS = 60
"""Coverage over time is told of so many forecasts at a time; fewer say little about a share."""

_CLOSE_LOOK_SHARE = 0.08
_HIGHEST = 3.0


def forecast(axes: Axes, replay: Replay, number: int, window: tuple[float, float]) -> None:
    """What came, and what had been forecast of that moment the first horizon before."""
    series = replay.series[number]
    target = series.seconds + replay.plan.horizons_seconds[0]
    inside = (target >= window[0]) & (target <= window[1])
    at = style.times(target[inside])
    edges = [series.quantiles[0][inside, index] for index in _band(replay)]
    color = style.color(number)
    label = f"P{replay.plan.percentiles[0]} to P{replay.percentile}"
    axes.fill_between(at, *edges, color=color, alpha=0.22, lw=0, label=label)
    if replay.percentile < RELEASE_PERCENT:
        kept = series.quantiles[0][inside, replay.plan.percentiles.index(RELEASE_PERCENT)]
        axes.plot(at, kept, color=color, lw=0.8, ls=":", label=f"P{RELEASE_PERCENT}")
    axes.plot(at, series.used[0][inside], color=color, lw=1.3, label="forecast")
    axes.plot(at, series.actual[0][inside], color=style.ACTUAL, lw=0.9, label="what came")
    axes.set_ylim(bottom=0)
    style.thousands(axes)


def close_look(series: SeriesBacktest) -> tuple[float, float]:
    """The stretch of time in which the load rose most: from and to, in Unix seconds."""
    target = series.seconds + series.plan.horizons_seconds[0]
    size = max(12, int(_CLOSE_LOOK_SHARE * len(target)))
    loads = np.nan_to_num(series.actual[0])
    if len(loads) <= size:
        return float(target[0]), float(target[-1])
    smooth = np.convolve(loads, np.full(5, 0.2), mode="same")
    rises = smooth[size - 3 :] - smooth[: len(smooth) - size + 3]
    first = min(int(rises.argmax()), len(target) - size)
    return float(target[first]), float(target[first + size - 1])


def errors(axes: Axes, replay: Replay) -> None:
    """Error at each horizon over the last value's: of the model, and of what would be used."""
    ahead = np.arange(len(replay.plan.horizons_seconds))
    for number, series in enumerate(replay.series):
        color = style.color(number)
        own = [min(score.error_vs_last_value, _HIGHEST) for score in series.scores]
        used = [min(score.error_as_used, _HIGHEST) for score in series.scores]
        axes.plot(ahead, own, color=color, marker="o", ms=5, label=series.name)
        axes.plot(ahead, used, color=color, marker="o", ms=9, mfc="none", lw=0)
    axes.axhline(1.0, color=style.GOAL, lw=1.0, ls="--", label="last value")
    axes.set_xticks(ahead, [duration(seconds) for seconds in replay.plan.horizons_seconds])
    axes.set_xlabel("ahead")
    axes.set_ylim(0, max(1.15, axes.get_ylim()[1]))


def reliability(axes: Axes, replay: Replay) -> None:
    """Share of loads at or below each percentile, at the first horizon."""
    asked = np.array(replay.plan.percentiles, dtype=np.float64)
    axes.plot([0, 100], [0, 100], color=style.GOAL, lw=1.0, ls="--", label="as it should be")
    for number, series in enumerate(replay.series):
        score = series.scores[0]
        came = [100 * score.coverage[percentile] for percentile in replay.plan.percentiles]
        axes.plot(asked, came, color=style.color(number), marker="o", ms=5, label=series.name)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 101)
    axes.set_xlabel("percentile of the forecast")
    axes.yaxis.set_major_formatter(PercentFormatter(decimals=0))


def coverage(axes: Axes, replay: Replay) -> None:
    """Share of the loads at or below the percentile that pools are sized for, over time."""
    for number, series in enumerate(replay.series):
        held = series.covered(0, replay.percentile)
        size = min(BLOCK_FORECASTS, max(1, len(held) // 4))
        share = _sliding_mean(held, size)
        at = style.times(series.seconds + series.plan.horizons_seconds[0])
        axes.plot(at, share, color=style.color(number), lw=1.3, label=series.name)
    goal = replay.percentile / 100
    axes.axhline(goal, color=style.GOAL, lw=1.0, ls="--", label=f"P{replay.percentile}")
    axes.set_ylim(min(axes.get_ylim()[0], goal - 0.1), 1.01)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def experts(axes: Axes, series: SeriesBacktest) -> None:
    """Share of each expert in the forecast; gray on top where none of it was used."""
    at = style.times(series.seconds)
    layers = [np.nan_to_num(shares) for shares in series.shares.values()]
    colors = _expert_colors(series.shares)
    axes.stackplot(at, layers, colors=colors, labels=list(series.shares), linewidth=0)
    distrusted = np.nan_to_num(series.trusted[0]) == 0
    if distrusted.any():
        axes.fill_between(
            at, 0, 1, where=distrusted.tolist(), color="white", alpha=0.72, lw=0, step="mid"
        )
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def worth(axes: Axes, series: SeriesBacktest) -> None:
    """Error of each expert alone over the last value's, of the newest forecasts at each moment."""
    at = style.times(series.seconds + series.plan.horizons_seconds[0])
    size = min(BLOCK_FORECASTS, max(1, len(at) // 4))
    colors = dict(zip(series.shares, _expert_colors(series.shares), strict=True))
    for score in series.experts:
        own, last = (_sliding_mean(misses, size) for misses in series.misses(score.name))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = _finite(own / last)
        axes.plot(at, ratio, color=colors[score.name], lw=1.1, label=score.name)
    axes.set_ylim(top=min(1.5, axes.get_ylim()[1]))


def ratio(axes: Axes, replay: Replay, prompt: str, output: str) -> None:
    """Prompt tokens per output token: what came, and what the two forecasts said."""
    above, below = replay.of(prompt), replay.of(output)
    at = style.times(above.seconds + replay.plan.horizons_seconds[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        came, said = above.actual[0] / below.actual[0], above.used[0] / below.used[0]
    axes.plot(at, _finite(came), color=style.ACTUAL, lw=0.9, label="what came")
    axes.plot(at, _finite(said), color="#7c3aed", lw=1.3, label="forecast")
    shown = np.concatenate([_finite(came), _finite(said)])
    if np.isfinite(shown).any():
        axes.set_ylim(0, 1.15 * float(np.nanpercentile(shown, 99.5)))


def _band(replay: Replay) -> tuple[int, int]:
    return 0, replay.plan.percentiles.index(replay.percentile)


def _finite(values: FloatArray) -> FloatArray:
    finite: FloatArray = np.where(np.isfinite(values), values, np.nan)
    return finite


def _sliding_mean(values: FloatArray, size: int) -> FloatArray:
    """Mean of the last `size` known values up to each; NaN before there are as many bins."""
    known = ~np.isnan(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    means = np.full(len(values), np.nan)
    some = counts[size:] - counts[:-size]
    means[size - 1 :] = np.where(
        some > 0, (sums[size:] - sums[:-size]) / np.maximum(some, 1), np.nan
    )
    return means


def _expert_colors(experts: Mapping[str, FloatArray]) -> list[str]:
    """Gray: last value; blues: averages; green: earlier days; violet: ARIMA; red: season found.

    Oranges: ridges.
    """
    shades = {
        "average": iter(("#1e3a8a", "#2563eb", "#60a5fa", "#bfdbfe")),
        "ridge": iter(("#7c2d12", "#ea580c", "#fb923c", "#fdba74", "#fed7aa")),
        "earlier": iter(("#16a34a", "#86efac")),
        "ARIMA": iter(("#7c3aed",)),
        "season": iter(("#dc2626",)),
    }
    return [next(shades.get(name.split()[0], iter(())), "#94a3b8") for name in experts]
