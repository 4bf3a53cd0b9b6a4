"""Pictures of the benchmark."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scripts.simulator_bench.against_dynamo import SHARES, Comparison
from scripts.simulator_bench.speed import Cost

from pd_operator.cli.report.style import DECODE, GOAL, MUTED, PREFILL, legend, style, svg, title


def write_growth(by_requests: Sequence[Cost], by_workers: Sequence[Cost], path: Path) -> None:
    """CPU seconds over requests, and over workers, beside n log n."""
    with style(text_as_paths=True):
        figure = Figure(figsize=(9.5, 3.4))
        left, right = figure.subplots(1, 2)
        _growth(left, [cost.requests for cost in by_requests], by_requests, "requests, 12 workers")
        _growth(
            right, [cost.workers for cost in by_workers], by_workers, "workers, 5,000 requests each"
        )
        title(left, "CPU seconds")
        legend(right)
        figure.tight_layout()
        path.write_text(svg(figure), encoding="utf-8")


def _growth(axes: Axes, sizes: Sequence[int], costs: Sequence[Cost], label: str) -> None:
    n = np.array(sizes, dtype=float)
    seconds = np.array([cost.cpu_seconds for cost in costs])
    bound = n * np.log(n)
    axes.loglog(n, bound * seconds[0] / bound[0], color=MUTED, linestyle="--", label="n log n")
    axes.loglog(n, seconds, color=PREFILL, marker="o", markersize=4, label="measured")
    axes.set_xlabel(label)


def write_comparison(comparisons: Sequence[Comparison], path: Path) -> None:
    """Each quantile of ours over Dynamo's; on the diagonal they agree."""
    with style(text_as_paths=True):
        figure = Figure(figsize=(9.5, 4.4))
        left, right = figure.subplots(1, 2)
        for place, share in enumerate(SHARES):
            marker = "osD"[place]
            for axes, which, color in ((left, 0, PREFILL), (right, 1, DECODE)):
                theirs, ours = (
                    [side.quantiles()[which][place] for side in sides]
                    for sides in (
                        [one.theirs for one in comparisons],
                        [one.ours for one in comparisons],
                    )
                )
                axes.loglog(
                    theirs, ours, marker, color=color, alpha=0.7, markersize=5, label=_name(share)
                )
        for axes, quantity, tolerance in ((left, "TTFT", 0.1), (right, "TPOT", 0.02)):
            _diagonal(axes, tolerance)
            axes.set_xlabel(f"{quantity} of Dynamo's replay, ms")
            title(axes, f"{quantity} of our simulator, ms")
            axes.legend(loc="lower right")
        figure.tight_layout()
        path.write_text(svg(figure), encoding="utf-8")


def _diagonal(axes: Axes, tolerance: float) -> None:
    ends = np.array(axes.get_xlim())
    axes.plot(ends, ends, color=MUTED, linewidth=1)
    for side in (1 - tolerance, 1 + tolerance):
        axes.plot(ends, side * ends, color=GOAL, linewidth=0.8, linestyle=":")


def _name(share: float) -> str:
    return f"P{100 * share:.0f}"
