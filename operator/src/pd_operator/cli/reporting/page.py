"""The report's page: figures, plots, and every change that the status remembers."""

from html import escape
from math import isnan
from pathlib import Path

import numpy as np

from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.cli.report.page import Tile, figures_table, page, section
from pd_operator.cli.report.style import style, svg
from pd_operator.cli.reporting.past import ServicePast
from pd_operator.cli.reporting.plots import attainment_figure, load_figure, workers_figure
from pd_operator.demand import FloatArray

UNKNOWN = "–"  # noqa: RUF001 - an en dash is how a table says "none"
SECONDS_PER_HOUR = 3600


def write_page(path: Path, service: PDInferenceService, past: ServicePast) -> None:
    """Write the report as one HTML file with everything in it."""
    path.write_text(report(service, past), encoding="utf-8")


def report(service: PDInferenceService, past: ServicePast) -> str:
    """The whole page."""
    with style():
        plots = [
            section("The load, and what was foreseen", svg(load_figure(past)), _LOAD),
            section("The two pools", svg(workers_figure(past)), _WORKERS),
            section(
                "Were the objectives met?",
                svg(attainment_figure(past, service.spec.objectives)),
                _ATTAINMENT,
            ),
        ]
    hours = len(past.seconds) * past.step_seconds / SECONDS_PER_HOUR
    lead = (
        f"The last {hours:.1f} hours of <code>{escape(str(service.key))}</code>, from Prometheus."
    )
    return page(
        f"{service.key}: load, workers, objectives",
        lead,
        tiles(service, past),
        [*plots, section("Changes", _changes(service, past), _CHANGES)],
    )


def tiles(service: PDInferenceService, past: ServicePast) -> list[Tile]:
    """The figures that matter most; a dash for what is unknown."""
    objectives = service.spec.objectives
    goals = {"ttft": objectives.ttft, "tpot": objectives.tpot}
    shown = []
    for name, goal in goals.items():
        share = weighted_mean(past.attained[name], past.offered)
        shown.append(
            Tile(
                _percent(share),
                f"within {name.upper()}",
                f"{goal.milliseconds} ms; wanted {goal.percentile} %",
                None if isnan(share) else share >= goal.percentile / 100,
            )
        )
    held, peak = np.nansum(past.gpus) * past.step_seconds / SECONDS_PER_HOUR, _peak(past.gpus)
    mean = float(np.nanmean(past.gpus)) if peak else float("nan")
    shown.append(Tile(f"{held:.1f}", "GPU hours", f"at most {peak:.0f} GPUs at once"))
    saved = 1 - mean / peak if peak else float("nan")
    shown.append(Tile(_percent(saved), "of the peak's GPU time saved", "against the peak, always"))
    return shown


def weighted_mean(shares: FloatArray, weights: FloatArray) -> float:
    """The mean share of requests, by how many there were; NaN where none is known."""
    known = ~np.isnan(shares) & (weights > 0)
    if not known.any():
        return float("nan")
    return float(np.average(shares[known], weights=weights[known]))


def _peak(values: FloatArray) -> float:
    return 0.0 if np.isnan(values).all() else float(np.nanmax(values))


def _percent(share: float) -> str:
    return UNKNOWN if isnan(share) else f"{share:.1%}"


def _changes(service: PDInferenceService, past: ServicePast) -> str:
    begin = past.seconds[0] - past.step_seconds
    rows = [
        (
            f"{change.time:%Y-%m-%d %H:%M:%S}",
            f"{change.role.value} {change.before} → {change.after}",
            f"{change.message}{' (advised)' if change.advised else ''}",
        )
        for change in service.status.history
        if change.time.timestamp() >= begin
    ]
    return figures_table(("time (UTC)", "change", "why, in the operator's words"), rows)


_LOAD = (
    "What clients sent, and what had been forecast for that moment one lead time before: the "
    "median, and the percentile that pools are sized for. A gap means that it is not known."
)
_WORKERS = (
    "The line is what the operator wanted and the area what was ready; the gap between them is "
    "the start-up time."
)
_ATTAINMENT = "As the engines counted it, over the operator's window."
_CHANGES = "Those that the status still remembers: the last twenty of the service."
