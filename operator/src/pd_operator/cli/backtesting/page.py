"""The report: one HTML file with everything inline."""

from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from pd_operator.cli.backtesting import words
from pd_operator.cli.backtesting.figures import (
    coverage_figure,
    error_figure,
    expert_figure,
    forecast_figure,
    ratio_figure,
    worth_figure,
)
from pd_operator.cli.backtesting.replay import Replay
from pd_operator.cli.backtesting.spikes import proposals
from pd_operator.cli.report.page import Tile, figures_table, section
from pd_operator.cli.report.page import page as report_page
from pd_operator.cli.report.style import style, svg
from pd_operator.demand.backtest import SeriesBacktest


def write_page(path: Path, replay: Replay) -> None:
    """Write the report of a replay. Raises OSError."""
    path.write_text(page(replay), encoding="utf-8")


def page(replay: Replay) -> str:
    """The whole report."""
    with style():
        return report_page(
            f"Backtest of {replay.loads.name}", _lead(replay), tiles(replay), _sections(replay)
        )


def tiles(replay: Replay) -> list[Tile]:
    """The figures that matter most: of each series at the first horizon, then of the ratio."""
    shown = [_error_tile(series) for series in replay.series[:3]] + [_coverage_tile(replay)]
    if replay.ratio:
        error = replay.ratio[0]
        shown.append(
            Tile(
                words.number(error.vs_last_value),
                "of the last ratio's error, prefill to decode work",
                f"typically missed by {error.typical_percent:.0f} %",
                error.vs_last_value < 1,
            )
        )
    return shown


def _error_tile(series: SeriesBacktest) -> Tile:
    score = series.scores[0]
    return Tile(
        words.number(score.error_vs_last_value),
        f"of the last value's error, {series.name}",
        f"{words.duration(score.horizon_seconds)} ahead; trusted {score.trusted:.0%} of the time",
        score.error_vs_last_value < 1,
    )


def _coverage_tile(replay: Replay) -> Tile:
    shares = [series.scores[0].coverage[replay.percentile] for series in replay.series]
    worst = max(shares, key=lambda share: abs(share - replay.percentile / 100))
    return Tile(
        words.percent(100 * worst),
        f"of the loads within P{replay.percentile}",
        f"the series that is furthest from {replay.percentile} %",
        abs(worst - replay.percentile / 100) < 0.02,
    )


def _sections(replay: Replay) -> Iterator[str]:
    first = words.duration(replay.plan.horizons_seconds[0])
    yield section(
        "What was forecast, and what came",
        svg(forecast_figure(replay)),
        _FORECAST_WORDS.format(first=first),
    )
    yield section("How large were the errors?", svg(error_figure(replay)), _ERROR_WORDS)
    yield section(
        "Do the percentiles mean what they say?",
        svg(coverage_figure(replay)),
        _COVERAGE_WORDS.format(percentile=replay.percentile),
    )
    if any(series.shares for series in replay.series):
        yield section("Who spoke when?", svg(expert_figure(replay)), _EXPERT_WORDS)
        table = figures_table(words.expert_columns(replay), words.expert_rows(replay))
        worth = f"{svg(worth_figure(replay))}\n{table}"
        yield section("What was each of them worth?", worth, _WORTH_WORDS)
    if found := proposals(replay.loads):
        listed = "\n".join(f"<pre>{escape(proposal)}</pre>" for proposal in found)
        yield section("What comes at the same time each day", listed, _SPIKE_WORDS)
    if replay.loads.ratio_of is not None:
        yield section(
            "The ratio of prefill and decode work", svg(ratio_figure(replay)), _RATIO_WORDS
        )
    yield section("All figures", _tables(replay), _FIGURE_WORDS)


def _tables(replay: Replay) -> str:
    columns = words.columns(replay)
    parts = []
    for series in replay.series:
        table = figures_table(columns, (words.figures(replay, score) for score in series.scores))
        verdict = escape(words.verdict(replay, series) + words.season(series))
        parts.append(f"<h3>{escape(series.name)}: {verdict}</h3>\n{table}")
    return "\n".join(parts)


def _lead(replay: Replay) -> str:
    loads, plan = replay.loads, replay.plan
    span = loads.bins * loads.bin_seconds
    since = ""
    if loads.dated:
        first, last = (
            datetime.fromtimestamp(moment, UTC).strftime("%d %B %Y %H:%M")
            for moment in (loads.end_seconds - span, loads.end_seconds)
        )
        since = f", {first} to {last} UTC"
    return (
        f"{span / 86_400:.1f} days in bins of {words.duration(loads.bin_seconds)}{since}. "
        f"{escape(plan.model)} was asked {len(replay.series[0].seconds):,} times what would come, "
        "each time knowing nothing later, as the operator asks it."
    )


_FORECAST_WORDS = (
    "Each forecast is drawn at the moment it was about, and was made {first} before. Workers are "
    "bought for the upper edge of the band, and let go by the dotted line where there is one above "
    "it. Below, a closer look at the time of the steepest rise."
)
_ERROR_WORDS = (
    "Mean absolute error over that of taking the last value: below the dashed line the model is "
    "worth its name. Rings are what the operator would have used: the last value wherever the "
    "model had not beaten it so far."
)
_COVERAGE_WORDS = (
    "Left: of all loads, how many were at or below each percentile of their forecast; on the "
    "dashed line they are as many as the percentile says. Right: the same for P{percentile}, which "
    "pools are sized for, over the last sixty forecasts: dips are times with too few workers."
)
_EXPERT_WORDS = (
    "The forecast is a mixture, and each expert counts by its own recent errors. Averages look at "
    "the last bins alone, earlier days add what the load did then at this time, an ARIMA that "
    "statsmodels fitted adds a share of what yesterday did, a season that was found in the load "
    "itself draws its waves on, and ridges are regressions on all of it. Where the colors are "
    "pale, the mixture had not beaten the last value, and the last value was used."
)
_WORTH_WORDS = (
    "Mean absolute error of what each expert alone had forecast, over that of the last value, of "
    "the last sixty forecasts. An expert may be worth its share and yet be no better alone: errors "
    "that go different ways cancel each other out. In the table: the mean share, and the error of "
    "all the time."
)
_SPIKE_WORDS = (
    "Spikes that are too short and too rare for a percentile to foresee. Each schedule goes under "
    "<code>spec.autoscaling.schedules</code>; its workers are ready when it begins."
)
_RATIO_WORDS = (
    "Prompt tokens per generated token. Both are forecast on their own; where their errors go the "
    "same way, the ratio of the pools stays right."
)
_FIGURE_WORDS = (
    "Error is the mean absolute error of what was used, in percent of the mean load. The columns "
    "with ≤ say how many of the loads were at or below that percentile."
)
