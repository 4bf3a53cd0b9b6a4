"""What a stricter objective costs: GPUs over each objective, the other one held."""

from dataclasses import dataclass, replace
from html import escape

from pd_operator.cli.sizing.question import MILLISECONDS, Method, Question
from pd_operator.planning.objectives import Objective
from pd_operator.planning.wording import duration

POINTS = 28
_SPAN = 4.0
"""Objectives from a quarter of the asked one to four times it."""


@dataclass(frozen=True)
class Point:
    """An objective's time in seconds, and the fewest GPUs; None where none suffice."""

    seconds: float
    gpus: int | None


@dataclass(frozen=True)
class Frontier:
    """GPUs over one objective."""

    objective: str
    asked_seconds: float
    points: tuple[Point, ...]


def frontiers(question: Question) -> tuple[Frontier, Frontier]:
    """GPUs over TTFT, and over TPOT, without a budget; by our own method where one simulates."""
    free = replace(question, limits=replace(question.limits, gpu_budget=None))
    if question.method.by_simulation:
        free = replace(free, method=Method.QUEUEING)
    ttft, tpot = question.objectives.ttft, question.objectives.tpot
    return (
        Frontier("TTFT", ttft.seconds, tuple(_point(free, "ttft", s) for s in _around(ttft))),
        Frontier("TPOT", tpot.seconds, tuple(_point(free, "tpot", s) for s in _around(tpot))),
    )


def _around(objective: Objective) -> list[float]:
    steps = range(-POINTS // 2, POINTS // 2 + 1)
    return [objective.seconds * _SPAN ** (2 * i / POINTS) for i in steps]


def _point(question: Question, name: str, seconds: float) -> Point:
    sizing = question.what_if({name: repr(seconds / MILLISECONDS)}).answer()
    return Point(seconds, sizing.plan.gpus if sizing.feasible else None)


_WIDTH, _HEIGHT, _MARGIN = 380, 260, 48


def drawing(question: Question, lines: tuple[Frontier, ...]) -> str:
    """Both frontiers side by side as one SVG, without any script or font of its own."""
    panels = "".join(
        f'<g transform="translate({i * (_WIDTH + 20)},40)">{_panel(line)}</g>'
        for i, line in enumerate(lines)
    )
    width = len(lines) * (_WIDTH + 20)
    title = escape(
        f"{question.profile.name}: GPUs against objectives at "
        f"{question.load.requests_per_second:.3g} requests/s"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT + 60}" '
        f'width="{width}" font-family="sans-serif" font-size="12">'
        f'<rect width="100%" height="100%" fill="white"/>'
        f'<text x="{_MARGIN}" y="24" font-size="15">{title}</text>{panels}</svg>\n'
    )


def page(question: Question, lines: tuple[Frontier, ...]) -> str:
    """The same drawing as one HTML file."""
    title = escape(f"{question.profile.name}: GPUs against objectives")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"{drawing(question, lines)}</html>\n"
    )


def _panel(line: Frontier) -> str:
    counted = [point for point in line.points if point.gpus is not None]
    most = max((point.gpus or 0 for point in counted), default=1)
    first, last = line.points[0].seconds, line.points[-1].seconds
    inner = _WIDTH - 2 * _MARGIN

    def x(seconds: float) -> float:
        return _MARGIN + inner * (seconds - first) / (last - first)

    def y(gpus: float) -> float:
        return _HEIGHT - _MARGIN + 10 - (_HEIGHT - 2 * _MARGIN) * gpus / most

    path = _steps([(x(point.seconds), y(point.gpus or 0)) for point in counted])
    ticks = "".join(_x_tick(x(s), s) for s in (first, line.asked_seconds, last))
    ticks += "".join(_y_tick(y(g), g) for g in sorted({0, most // 2, most}))
    marks = "".join(
        f'<circle cx="{x(p.seconds):.1f}" cy="{y(p.gpus or 0):.1f}" r="2.5" fill="#2563a8"/>'
        for p in counted
    )
    asked = x(line.asked_seconds)
    none = line.points[: len(line.points) - len(counted)]
    shade = ""
    if none:
        edge = x(counted[0].seconds) if counted else x(last)
        shade = (
            f'<rect x="{_MARGIN}" y="10" width="{edge - _MARGIN:.1f}" '
            f'height="{_HEIGHT - _MARGIN:.1f}" fill="#eee"/>'
            f'<text x="{_MARGIN + 4}" y="26" fill="#777">out of reach</text>'
        )
    return (
        f'{shade}<line x1="{asked:.1f}" x2="{asked:.1f}" y1="10" y2="{y(0):.1f}" '
        'stroke="#c2410c" stroke-dasharray="4 3"/>'
        f'<path d="{path}" fill="none" stroke="#2563a8" stroke-width="2"/>{marks}{ticks}'
        f'<text x="{_WIDTH / 2}" y="{_HEIGHT + 8}" text-anchor="middle">'
        f"{line.objective} objective</text>"
        f'<text x="12" y="{_HEIGHT / 2}" transform="rotate(-90 12 {_HEIGHT / 2})" '
        'text-anchor="middle">GPUs</text>'
    )


def _steps(places: list[tuple[float, float]]) -> str:
    """A falling staircase: a count holds until the objective that needs one less."""
    if not places:
        return ""
    parts = [f"M{places[0][0]:.1f},{places[0][1]:.1f}"]
    parts += [f"H{x:.1f}V{y:.1f}" for x, y in places[1:]]
    return "".join(parts)


def _x_tick(x: float, seconds: float) -> str:
    return (
        f'<text x="{x:.1f}" y="{_HEIGHT - _MARGIN + 28}" text-anchor="middle">'
        f"{escape(duration(seconds))}</text>"
    )


def _y_tick(y: float, gpus: int) -> str:
    return (
        f'<text x="{_MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end">{gpus}</text>'
        f'<line x1="{_MARGIN}" x2="{_WIDTH - _MARGIN}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
    )
