"""The report: one HTML file with everything inline."""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from pd_operator.cli.report.page import Tile, figures_table, section
from pd_operator.cli.report.page import page as report_page
from pd_operator.cli.report.style import style, svg
from pd_operator.cli.simulating import words
from pd_operator.cli.simulating.comparison import Outcome, objectives_of
from pd_operator.cli.simulating.plots import latency_figure, workers_figure
from pd_operator.cli.simulating.request import SimulationRequest


def write_page(path: Path, request: SimulationRequest, outcomes: Sequence[Outcome]) -> None:
    """Write the report. Raises OSError."""
    path.write_text(page(request, outcomes), encoding="utf-8")


def page(request: SimulationRequest, outcomes: Sequence[Outcome]) -> str:
    """The whole report."""
    objectives = objectives_of(request)
    operator, requests = outcomes[0], request.requests
    with style():
        workers = svg(workers_figure(operator, requests))
        latencies = svg(latency_figure(outcomes, requests, objectives))
    return report_page(
        f"Simulation of {request.name}",
        escape(f"{_load(request)} {words.verdict(outcomes, objectives)}"),
        _tiles(request, outcomes),
        (
            section("Who sized it, and what came of it", _table(request, outcomes)),
            section("Load and workers", workers),
            section("Latencies over time", latencies),
        ),
    )


def _load(request: SimulationRequest) -> str:
    requests = request.requests
    return (
        f"{len(requests):,} requests in {requests.span_seconds / 3600:.1f} hours, "
        f"{requests.prompt_tokens.mean():,.0f} prompt and {requests.output_tokens.mean():,.0f} "
        f"output tokens in the mean, on {request.profile.name}."
    )


def _tiles(request: SimulationRequest, outcomes: Sequence[Outcome]) -> Iterator[Tile]:
    objectives = objectives_of(request)
    for outcome in outcomes[:3]:
        attained = outcome.result.attained(objectives)
        yield Tile(
            f"{attained.joint:.1%}",
            outcome.name,
            f"within both objectives, for {words.gpu_hours(outcome):,.1f} GPU hours",
            attained.ttft >= objectives.ttft.share and attained.tpot >= objectives.tpot.share,
        )


def _table(request: SimulationRequest, outcomes: Sequence[Outcome]) -> str:
    objectives = objectives_of(request)
    rows = (words.cells(outcome, objectives) for outcome in outcomes)
    return figures_table(words.columns(objectives), rows)
