"""Draws the frontiers as SVG."""

from dataclasses import dataclass
from html import escape

from pd_operator.cli.sizing.frontier import Frontier
from pd_operator.cli.sizing.request import PlanRequest
from pd_operator.planning.wording import duration

_WIDTH, _HEIGHT, _MARGIN = 380, 260, 48


def drawing(request: PlanRequest, lines: tuple[Frontier, ...]) -> str:
    """Both frontiers side by side as one SVG, without any script or font of its own."""
    panels = "".join(
        f'<g transform="translate({i * (_WIDTH + 20)},40)">{_panel(line)}</g>'
        for i, line in enumerate(lines)
    )
    width = len(lines) * (_WIDTH + 20)
    title = escape(
        f"{request.profile.name}: GPUs against objectives at "
        f"{request.load.requests_per_second:.3g} requests/s"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT + 60}" '
        f'width="{width}" font-family="sans-serif" font-size="12">'
        f'<rect width="100%" height="100%" fill="white"/>'
        f'<text x="{_MARGIN}" y="24" font-size="15">{title}</text>{panels}</svg>\n'
    )


@dataclass(frozen=True)
class _Axes:
    """Where seconds and GPUs lie on a panel, in pixels."""

    first_seconds: float
    last_seconds: float
    maximum_gpus: int

    @classmethod
    def of(cls, line: Frontier) -> "_Axes":
        most = max((point.gpus or 0 for point in line.reached), default=1)
        return cls(line.points[0].seconds, line.points[-1].seconds, most)

    def x(self, seconds: float) -> float:
        share = (seconds - self.first_seconds) / (self.last_seconds - self.first_seconds)
        return _MARGIN + (_WIDTH - 2 * _MARGIN) * share

    def y(self, gpus: float) -> float:
        return _HEIGHT - _MARGIN + 10 - (_HEIGHT - 2 * _MARGIN) * gpus / self.maximum_gpus


def _panel(line: Frontier) -> str:
    axes = _Axes.of(line)
    asked = axes.x(line.asked_seconds)
    return (
        f'{_out_of_reach(line, axes)}<line x1="{asked:.1f}" x2="{asked:.1f}" y1="10" '
        f'y2="{axes.y(0):.1f}" stroke="#c2410c" stroke-dasharray="4 3"/>'
        f"{_curve(line, axes)}{_ticks(line, axes)}"
        f'<text x="{_WIDTH / 2}" y="{_HEIGHT + 8}" text-anchor="middle">'
        f"{line.objective} objective</text>"
        f'<text x="12" y="{_HEIGHT / 2}" transform="rotate(-90 12 {_HEIGHT / 2})" '
        'text-anchor="middle">GPUs</text>'
    )


def _out_of_reach(line: Frontier, axes: _Axes) -> str:
    """A shade over the objectives that no number of workers meets."""
    reached = line.reached
    if len(reached) == len(line.points):
        return ""
    edge = axes.x(reached[0].seconds if reached else axes.last_seconds)
    return (
        f'<rect x="{_MARGIN}" y="10" width="{edge - _MARGIN:.1f}" '
        f'height="{_HEIGHT - _MARGIN:.1f}" fill="#eee"/>'
        f'<text x="{_MARGIN + 4}" y="26" fill="#777">out of reach</text>'
    )


def _curve(line: Frontier, axes: _Axes) -> str:
    places = [(axes.x(point.seconds), axes.y(point.gpus or 0)) for point in line.reached]
    marks = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="#2563a8"/>' for x, y in places
    )
    return f'<path d="{_steps(places)}" fill="none" stroke="#2563a8" stroke-width="2"/>{marks}'


def _ticks(line: Frontier, axes: _Axes) -> str:
    times = (axes.first_seconds, line.asked_seconds, axes.last_seconds)
    counts = sorted({0, axes.maximum_gpus // 2, axes.maximum_gpus})
    across = "".join(_x_tick(axes.x(seconds), seconds) for seconds in times)
    return across + "".join(_y_tick(axes.y(gpus), gpus) for gpus in counts)


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
