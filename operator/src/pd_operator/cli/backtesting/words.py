"""The figures of a replay in words and in a terminal's table."""

import math
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pd_operator.cli.backtesting.replay import Replay
from pd_operator.cli.backtesting.spikes import proposals
from pd_operator.demand.backtest import ExpertScore, HorizonScore, SeriesBacktest

_OVER = " / last value"
_LEGEND = (
    "{model}, used: mean absolute error over that of taking the last value, of the model and of "
    "what the operator would have used. error: of what was used, in percent of the mean load. "
    "≤ P90: loads at or below the 90th percentile of their forecast. trusted: share of the time. "
    "Experts: mean share of the forecast, and error alone over that of the last value."
)


def tell(replay: Replay, console: Console) -> None:
    """Print a table and a verdict for every series, then the ratio's, then daily spikes."""
    for one in replay.series:
        told = f"{verdict(replay, one)}{season(one)}"
        console.print(Text(f"\n{one.name}:", style="bold"), told)
        console.print(_table(replay, one))
    if replay.ratio:
        console.print(Text("\nratio of prefill and decode work", style="bold"))
        console.print(_ratio_table(replay))
    if any(one.experts for one in replay.series):
        first = duration(replay.plan.horizons_seconds[0])
        console.print(Text(f"\nexperts of {replay.plan.model}, {first} ahead", style="bold"))
        console.print(_expert_table(replay))
    for proposal in proposals(replay.loads):
        console.print(f"\n{proposal}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"\n{_LEGEND.format(model=replay.plan.model)}", style="dim")


def plain(replay: Replay) -> dict[str, Any]:
    """The same figures for another program: shares and seconds, null where unknown."""
    return {
        "load": replay.loads.name,
        "model": replay.plan.model,
        "percentile": replay.percentile,
        "binSeconds": replay.loads.bin_seconds,
        "series": [
            {
                "name": one.name,
                "foundSeasonSeconds": _last_season(one),
                "horizons": [_plain_score(score) for score in one.scores],
                "experts": [_plain_expert(expert) for expert in one.experts],
            }
            for one in replay.series
        ],
        "proposedSchedules": proposals(replay.loads),
    }


def _last_season(series: SeriesBacktest) -> float | None:
    found = series.season_seconds[~np.isnan(series.season_seconds)]
    return float(found[-1]) if len(found) else None


def _plain_score(score: HorizonScore) -> dict[str, Any]:
    return {
        "aheadSeconds": score.horizon_seconds,
        "errorVsLastValue": _known(score.error_vs_last_value),
        "usedErrorVsLastValue": _known(score.error_as_used),
        "usedErrorShareOfMean": _known(score.error_percent / 100),
        "coverage": {f"p{p}": _known(share) for p, share in score.coverage.items()},
        "trustedShare": _known(score.trusted),
        "forecasts": score.origins,
    }


def _plain_expert(score: ExpertScore) -> dict[str, Any]:
    return {
        "name": score.name,
        "share": _known(score.share),
        "leastShare": _known(score.least_share),
        "mostShare": _known(score.most_share),
        "errorVsLastValue": _known(score.error_vs_last_value),
    }


def _known(value: float) -> float | None:
    """JSON has neither NaN nor infinity."""
    return value if math.isfinite(value) else None


def verdict(replay: Replay, series: SeriesBacktest) -> str:
    """One sentence on a series, at the first horizon."""
    score = series.scores[0]
    model, ahead = replay.plan.model, duration(score.horizon_seconds)
    error = score.error_vs_last_value
    if math.isnan(error):
        return f"nothing to compare {ahead} ahead"
    if math.isinf(error):
        return f"the last value made no error {ahead} ahead, {model} did"
    if round(100 * error) == 100:
        return f"{model} is as good as the last value {ahead} ahead"
    won = f"{model} beats the last value" if error < 1 else f"{model} loses to the last value"
    return f"{won} by {100 * abs(1 - error):.0f} % {ahead} ahead"


def season(series: SeriesBacktest) -> str:
    """The rhythm that was followed last, and how often one was; nothing where none was found."""
    last = _last_season(series)
    if last is None:
        return ""
    often = percent(100 * float(np.mean(~np.isnan(series.season_seconds))))
    return f"; it found a rhythm of {duration(round(last))}, followed {often} of the time"


def columns(replay: Replay) -> tuple[str, ...]:
    """Headings of the figures that `figures` gives."""
    covered = tuple(f"≤ P{p}" for p in shown(replay))
    return (
        "ahead",
        f"{replay.plan.model}{_OVER}",
        f"used{_OVER}",
        "error",
        *covered,
        "trusted",
        "forecasts",
    )


def figures(replay: Replay, score: HorizonScore) -> tuple[str, ...]:
    """One horizon's figures as text."""
    covered = tuple(percent(100 * score.coverage[p]) for p in shown(replay))
    return (
        duration(score.horizon_seconds),
        number(score.error_vs_last_value),
        number(score.error_as_used),
        percent(score.error_percent),
        *covered,
        percent(100 * score.trusted),
        f"{score.origins:,}",
    )


def shown(replay: Replay) -> tuple[int, ...]:
    """Percentiles worth a column: the middle, 90, and the one that pools are sized for."""
    return tuple(sorted({50, 90, replay.percentile}))


def expert_columns(replay: Replay) -> tuple[str, ...]:
    """Headings of the figures that `expert_rows` gives."""
    return ("expert", *(f"{one.name}: share, error" for one in replay.series))


def expert_rows(replay: Replay) -> list[tuple[str, ...]]:
    """Share and error of each expert that ever had a share of any series, as text."""
    by_name = [{score.name: score for score in one.experts} for one in replay.series]
    names = [name for name in replay.series[0].shares if any(name in of for of in by_name)]
    return [(name, *(_expert(of.get(name)) for of in by_name)) for name in names]


def _expert(score: ExpertScore | None) -> str:
    if score is None:
        return "-"
    return f"{percent(100 * score.share)}  {number(score.error_vs_last_value)}"


def duration(seconds: float) -> str:
    """Seconds in the largest unit that is whole."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:g} s"


def number(value: float) -> str:
    """Two decimals; a dash where unknown."""
    return "-" if math.isnan(value) else f"{value:.2f}"


def percent(value: float) -> str:
    """One decimal and the sign; a dash where unknown."""
    return "-" if math.isnan(value) else f"{value:.1f} %"


def _table(replay: Replay, series: SeriesBacktest) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in columns(replay):
        # A terminal is narrow; the legend below the tables says what is left out here.
        table.add_column(heading.removesuffix(_OVER), justify="right")
    for score in series.scores:
        style = "green" if score.error_vs_last_value < 1 else "red"
        first, second, *others = figures(replay, score)
        table.add_row(first, Text(second, style=style), *others)
    return table


def _expert_table(replay: Replay) -> Table:
    first, *others = expert_columns(replay)
    table = Table(box=None, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for heading in others:
        table.add_column(heading, justify="right")
    for row in expert_rows(replay):
        table.add_row(*row)
    return table


def _ratio_table(replay: Replay) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("ahead", "used / last", "typically missed by", "forecasts"):
        table.add_column(heading, justify="right")
    for horizon, error in zip(replay.plan.horizons_seconds, replay.ratio, strict=True):
        table.add_row(
            duration(horizon),
            number(error.vs_last_value),
            percent(error.typical_percent),
            f"{error.forecasts:,}",
        )
    return table
