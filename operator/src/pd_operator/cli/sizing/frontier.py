"""What a stricter objective costs: GPUs over each objective, the other one held."""

from dataclasses import dataclass, replace

from pd_operator.cli.sizing.request import MILLISECONDS, Method, PlanRequest
from pd_operator.planning.objectives import Objective

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

    @property
    def reached(self) -> tuple[Point, ...]:
        """The points that some number of GPUs meets."""
        return tuple(point for point in self.points if point.gpus is not None)


def frontiers(request: PlanRequest) -> tuple[Frontier, Frontier]:
    """GPUs over TTFT, and over TPOT, without a budget; by our own method where one simulates."""
    free = replace(request, limits=replace(request.limits, gpu_budget=None))
    if request.method.by_simulation:
        free = replace(free, method=Method.QUEUEING)
    ttft, tpot = request.objectives.ttft, request.objectives.tpot
    return (
        Frontier("TTFT", ttft.seconds, tuple(_point(free, "ttft", s) for s in _around(ttft))),
        Frontier("TPOT", tpot.seconds, tuple(_point(free, "tpot", s) for s in _around(tpot))),
    )


def _around(objective: Objective) -> list[float]:
    steps = range(-POINTS // 2, POINTS // 2 + 1)
    return [objective.seconds * _SPAN ** (2 * i / POINTS) for i in steps]


def _point(request: PlanRequest, name: str, seconds: float) -> Point:
    sizing = request.what_if({name: repr(seconds / MILLISECONDS)}).plan()
    return Point(seconds, sizing.plan.gpus if sizing.feasible else None)
