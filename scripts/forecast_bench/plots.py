"""The pictures of the report."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scripts.forecast_bench.figures import ModelScores
from scripts.forecast_bench.origins import QUANTILES, Walk
from scripts.forecast_bench.scores import BLOCK_MINUTES
from scripts.forecast_bench.series import AZURE_SERIES, MINUTE_SERIES

from pd_operator.cli.report.style import (
    DECODE,
    GOAL,
    INK,
    LOAD,
    MUTED,
    PREFILL,
    legend,
    style,
    svg,
    title,
)

_SHOWN_HOURS = 5
_SHOWN_FROM_HOUR = 60
_COLORS = (PREFILL, DECODE, INK, LOAD, "#16a34a", "#9333ea", "#ca8a04", MUTED)


def write(folder: Path, name: str, figure: Figure) -> None:
    """Write a figure as `name`.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.svg").write_text(svg(figure), encoding="utf-8")


def draw_all(folder: Path, models: Sequence[ModelScores], walks: Mapping[str, Walk]) -> None:
    """Draw everything; `walks` are the default forecaster's, `models` begin with it."""
    with style(text_as_paths=True):
        write(folder, "forecast_accuracy", accuracy(models))
        write(folder, "forecast_replicas", replicas(models))
        if walks:
            write(folder, "forecast_bands", bands(walks))
            write(folder, "forecast_coverage", coverage(walks))


def accuracy(models: Sequence[ModelScores]) -> Figure:
    """Error of every model on the minute series, at two leads."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    for axes, lead in zip(figure.subplots(1, 2, sharey=True), (5, 10), strict=True):
        for place, model in enumerate(models):
            errors = [
                one.relative_mae
                for key in MINUTE_SERIES
                for one in model.horizons[key]
                if one.lead_minutes == lead
            ]
            offset = 0.08 * (place - len(models) / 2)
            axes.plot(
                np.arange(len(errors)) + offset,
                errors,
                "D" if place == 0 else "o",
                color=_COLORS[place % len(_COLORS)],
                markersize=7 if place == 0 else 5,
                label=model.model,
            )
        axes.axhline(1.0, color=GOAL, linewidth=1)
        axes.set_xticks(range(len(MINUTE_SERIES)), MINUTE_SERIES)
        title(axes, f"Error {lead} minutes ahead, last value = 1")
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False
    )
    return figure


def bands(walks: Mapping[str, Walk]) -> Figure:
    """Some hours of forecasts five minutes ahead, as they were made, and what came."""
    keys = [key for key in ("conv", "code25") if key in walks]
    figure = Figure(figsize=(10, 2.9 * len(keys)), layout="constrained")
    for axes, key in zip(figure.subplots(len(keys), 1, squeeze=False)[:, 0], keys, strict=True):
        _band(axes, walks[key])
        title(axes, f"{key}: requests per minute, forecast 5 minutes before")
        legend(axes)
    axes.set_xlabel("hour of the series")
    return figure


def _band(axes: Axes, walk: Walk) -> None:
    series = walk.series
    targets = walk.origins + series.horizons_steps[0]
    first, last = (60 * hour for hour in (_SHOWN_FROM_HOUR, _SHOWN_FROM_HOUR + _SHOWN_HOURS))
    shown = (targets >= first) & (targets < last)
    hours = targets[shown] / 60
    low, high = (walk.values[shown, 0, QUANTILES.index(share)] for share in (0.05, 0.95))
    axes.fill_between(hours, low, high, color=PREFILL, alpha=0.18, linewidth=0, label="P5 to P95")
    axes.plot(hours, walk.points[shown, 0], color=PREFILL, linewidth=1.3, label="forecast")
    axes.plot(hours, series.values[targets[shown]], ".", color=INK, markersize=3, label="actual")
    axes.set_xlim(_SHOWN_FROM_HOUR, _SHOWN_FROM_HOUR + _SHOWN_HOURS)


def coverage(walks: Mapping[str, Walk]) -> Figure:
    """Share of actuals below the 90th percentile, five minutes ahead, in every six hours."""
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    axes = figure.subplots()
    for place, key in enumerate(key for key in MINUTE_SERIES if key in walks):
        walk = walks[key]
        targets = walk.origins + walk.series.horizons_steps[0]
        known = targets < len(walk.series.values)
        values = walk.values[known, 0, QUANTILES.index(0.9)]
        covered = walk.series.values[targets[known]] <= values
        blocks = len(covered) // BLOCK_MINUTES
        shares = covered[: blocks * BLOCK_MINUTES].reshape(blocks, -1).mean(axis=1)
        hours = walk.origins[0] / 60 + 6 * np.arange(blocks) + 3
        axes.plot(hours, 100 * shares, "o-", color=_COLORS[place], markersize=4, label=key)
    axes.axhline(90, color=GOAL, linewidth=1)
    axes.set_xlabel("hour of the series")
    title(axes, "P90 coverage in each 6 hours, %")
    legend(axes, columns=5)
    return figure


def replicas(models: Sequence[ModelScores]) -> Figure:
    """What fewer short minutes cost: one line per model over the quantiles."""
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    shown = [model for model in models if model.model in ("LastValue", "Ewma", models[0].model)]
    for axes, key in zip(figure.subplots(1, 4, sharey=True), AZURE_SERIES, strict=True):
        for place, model in enumerate(shown):
            choices = [one for one in model.replicas[key] if one.quantile >= 0.9]
            axes.plot(
                [one.over_provisioning_percent for one in choices],
                [one.short_minutes_percent for one in choices],
                "o-",
                color=_COLORS[place],
                markersize=4,
                label=model.model,
            )
        axes.axhline(1.5, color=GOAL, linewidth=1)
        axes.set_xlabel("over-provisioned, %")
        title(axes, key)
    figure.axes[0].set_ylabel("short minutes, %")
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False
    )
    return figure
