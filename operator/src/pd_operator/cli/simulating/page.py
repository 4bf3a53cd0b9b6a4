"""The report: one HTML file with everything inline."""

from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from pd_operator.cli.backtesting.style import style, svg
from pd_operator.cli.simulating import words
from pd_operator.cli.simulating.contest import Outcome, objectives_of
from pd_operator.cli.simulating.plots import latency_figure, workers_figure
from pd_operator.cli.simulating.question import Question


def write_page(path: Path, question: Question, outcomes: Sequence[Outcome]) -> None:
    """Write the report. Raises OSError."""
    path.write_text(page(question, outcomes), encoding="utf-8")


def page(question: Question, outcomes: Sequence[Outcome]) -> str:
    """The whole report."""
    objectives = objectives_of(question)
    operator, requests = outcomes[0], question.requests
    with style():
        workers = svg(workers_figure(operator, requests))
        latencies = svg(latency_figure(outcomes, requests, objectives))
    template = files("pd_operator.cli.backtesting") / "template.html"
    return Template(template.read_text(encoding="utf-8")).substitute(
        title=escape(f"Simulation of {question.name}"),
        lead=escape(f"{_load(question)} {words.verdict(outcomes, objectives)}"),
        tiles="\n".join(_tiles(question, outcomes)),
        sections="\n".join(
            (
                _section("Who sized it, and what came of it", _table(question, outcomes)),
                _section("Load and workers", workers),
                _section("Latencies over time", latencies),
            )
        ),
    )


def _load(question: Question) -> str:
    requests = question.requests
    return (
        f"{len(requests):,} requests in {requests.span_seconds / 3600:.1f} hours, "
        f"{requests.prompt_tokens.mean():,.0f} prompt and {requests.output_tokens.mean():,.0f} "
        f"output tokens in the mean, on {question.profile.name}."
    )


def _tiles(question: Question, outcomes: Sequence[Outcome]) -> Iterator[str]:
    objectives = objectives_of(question)
    for outcome in outcomes[:3]:
        attained = outcome.result.attained(objectives)
        kept = attained.ttft >= objectives.ttft.share and attained.tpot >= objectives.tpot.share
        yield (
            f'<div class="tile"><b class="{"good" if kept else "bad"}">{attained.joint:.1%}</b>'
            f"<span>{escape(outcome.name)}</span>"
            f"<small>within both objectives, for {words.gpu_hours(outcome):,.1f} GPU hours</small>"
            "</div>"
        )


def _table(question: Question, outcomes: Sequence[Outcome]) -> str:
    objectives = objectives_of(question)
    head = "".join(f"<th>{escape(name)}</th>" for name in words.columns(objectives))
    rows = "\n".join(
        "<tr>"
        + "".join(f"<td>{escape(text)}</td>" for text in words.cells(outcome, objectives))
        + "</tr>"
        for outcome in outcomes
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table>"


def _section(heading: str, body: str) -> str:
    return f"<section>\n<h2>{heading}</h2>\n{body}\n</section>"
