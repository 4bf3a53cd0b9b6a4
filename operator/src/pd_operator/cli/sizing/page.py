"""The report of a plan: one HTML file with everything inline."""

from collections.abc import Iterator
from html import escape
from pathlib import Path

from pd_operator.cli.report.page import Tile, section
from pd_operator.cli.report.page import page as report_page
from pd_operator.cli.sizing.drawing import drawing
from pd_operator.cli.sizing.frontier import frontiers
from pd_operator.cli.sizing.request import PlanRequest
from pd_operator.planning.plan import PlanningError, PoolPlan
from pd_operator.planning.search import Sizing
from pd_operator.planning.wording import counted


def write_page(path: Path, request: PlanRequest, sizing: Sizing) -> None:
    """Write the report; `PlanningError` where that is not possible."""
    text = page(request, sizing)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PlanningError(f"the report cannot be written: {error}") from None


def page(request: PlanRequest, sizing: Sizing) -> str:
    """The plan's figures, and what a stricter objective would cost."""
    load = request.load
    return report_page(
        f"Plan for {request.profile.model}",
        escape(f"{load.requests_per_second:.3g} requests/s ({load.source}). {sizing.summary}"),
        _tiles(sizing),
        (
            section(
                "What the objectives cost",
                drawing(request, frontiers(request)),
                "The fewest GPUs for this load over each objective, the other one held. "
                "The dashed line is the objective asked for.",
            ),
        ),
    )


def _tiles(sizing: Sizing) -> Iterator[Tile]:
    for pool in (sizing.plan.prefill, sizing.plan.decode):
        size = f"of TP{pool.tensor_parallel_size}, {pool.utilization:.0%} used"
        yield Tile(str(pool.workers), f"{pool.role.value} {_workers(pool)}", size)
    gpus = sizing.plan.gpus
    yield Tile(str(gpus), "GPU" if gpus == 1 else "GPUs", f"on {counted(sizing.nodes, 'node')}")
    carried = f"{min(1.0, sizing.carried_share):.0%}"
    yield Tile(carried, "carried", "of the load within both objectives", sizing.feasible)


def _workers(pool: PoolPlan) -> str:
    return "worker" if pool.workers == 1 else "workers"
