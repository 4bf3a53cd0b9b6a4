"""The outcomes as figures, for a terminal, a page, or another program."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from pd_operator.cli.simulating.comparison import Outcome
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.planning.wording import duration


def columns(objectives: Objectives) -> tuple[str, ...]:
    """Headings of `cells`."""
    return (
        "sized by",
        "within both",
        "TTFT",
        "TPOT",
        f"TTFT P{objectives.ttft.percentile}",
        f"TPOT P{objectives.tpot.percentile}",
        "GPU hours",
        "prefill busy",
        "lost",
    )


def cells(outcome: Outcome, objectives: Objectives) -> tuple[str, ...]:
    """One outcome's shares within the objectives, latencies and costs."""
    result = outcome.result
    attained = result.attained(objectives)
    return (
        outcome.name,
        f"{attained.joint:.2%}",
        f"{attained.ttft:.2%}",
        f"{attained.tpot:.2%}",
        duration(result.ttft_quantile(objectives.ttft.share)),
        duration(result.tpot_quantile(objectives.tpot.share)),
        f"{gpu_hours(outcome):,.1f}",
        f"{result.prefill.utilization:.0%}",
        f"{result.lost_requests:,}",
    )


def gpu_hours(outcome: Outcome) -> float:
    """GPU hours of both pools."""
    return outcome.result.gpu_seconds / 3600


def plain(outcome: Outcome, objectives: Objectives) -> dict[str, object]:
    """One outcome for another program; seconds and shares."""
    result = outcome.result
    attained = result.attained(objectives)
    return {
        "name": outcome.name,
        "attained": {"ttft": attained.ttft, "tpot": attained.tpot, "joint": attained.joint},
        "ttftSeconds": {f"p{p}": result.ttft_quantile(p / 100) for p in (50, 90, 99)},
        "tpotSeconds": {f"p{p}": result.tpot_quantile(p / 100) for p in (50, 90, 99)},
        "gpuHours": gpu_hours(outcome),
        "utilization": {
            "prefill": result.prefill.utilization,
            "decode": result.decode.utilization,
        },
        "lostRequests": result.lost_requests,
        "retractions": result.retractions,
        "flips": result.flips,
    }


def print_outcomes(outcomes: Sequence[Outcome], objectives: Objectives, console: Console) -> None:
    """Print a table, and what the operator saved or cost."""
    table = Table(box=None, pad_edge=False)
    first, *others = columns(objectives)
    table.add_column(first, no_wrap=True)
    for column in others:
        table.add_column(column, justify="right", no_wrap=True)
    for outcome in outcomes:
        table.add_row(*cells(outcome, objectives))
    console.print(table)
    console.print(f"\n{verdict(outcomes, objectives)}", soft_wrap=True)


def verdict(outcomes: Sequence[Outcome], objectives: Objectives) -> str:
    """One sentence on the operator against each of the others."""
    operator, *others = outcomes
    promise = f"TTFT {_promise(objectives.ttft)} and TPOT {_promise(objectives.tpot)}"
    kept = all(
        share >= objective.share
        for share, objective in (
            (operator.result.attained(objectives).ttft, objectives.ttft),
            (operator.result.attained(objectives).tpot, objectives.tpot),
        )
    )
    against = "; ".join(
        f"{_saving(gpu_hours(operator), gpu_hours(other))} than {other.name}" for other in others
    )
    return f"The operator {'keeps' if kept else 'misses'} {promise}, with {against}."


def _saving(hours: float, others: float) -> str:
    change = hours / others - 1 if others else 0.0
    return f"{abs(change):.0%} {'fewer' if change <= 0 else 'more'} GPU hours"


def _promise(objective: Objective) -> str:
    return f"P{objective.percentile} {duration(objective.seconds)}"
