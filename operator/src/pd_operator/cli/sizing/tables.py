"""The plan as a person reads it."""

from collections.abc import Sequence
from typing import Literal

from rich.console import Console
from rich.table import Table

from pd_operator.cli.sizing.request import PlanRequest
from pd_operator.demand import Demand
from pd_operator.planning.objectives import Objective
from pd_operator.planning.plan import Limit, PoolPlan
from pd_operator.planning.search import Sizing
from pd_operator.planning.wording import counted, duration

Answers = Sequence[tuple[str, PlanRequest, Sizing]]
"""What was changed, what was asked then, and the answer."""


def print_plan(request: PlanRequest, sizing: Sizing, console: Console) -> None:
    """Print the request in three lines, the pools, and what else there was."""
    load, objectives = request.load, request.objectives
    profile = request.profile
    console.print(f"[bold]{profile.model}[/bold] ({profile.name}, {profile.engine})")
    console.print(f"load        {_demand(load.prefill)} ({load.source})")
    if load.decode != load.prefill:
        console.print(f"            for decode {_demand(load.decode)}")
    console.print(
        f"objectives  TTFT {_objective(objectives.ttft)}, TPOT {_objective(objectives.tpot)}\n"
        f"router      {request.policy.value}; method {request.method.value}\n"
    )
    plan = sizing.plan
    table = Table(box=None, pad_edge=False)
    for column in ("pool", "workers", "GPUs", "use", "p50", "p90", "p99", "objective", "bound by"):
        justify: Literal["left", "right"] = "left" if column in _LEFT else "right"
        table.add_column(column, justify=justify, no_wrap=True)
    table.add_row(*_pool(plan.prefill, f"TTFT {duration(objectives.ttft.seconds)}"))
    table.add_row(*_pool(plan.decode, f"TPOT {duration(objectives.tpot.seconds)}"))
    console.print(table)
    console.print(
        f"\nratio {plan.ratio}, {counted(plan.gpus, 'GPU')} on "
        f"{counted(sizing.nodes, 'node')} of {request.limits.gpus_per_node}"
    )
    console.print(sizing.summary, style="green" if sizing.feasible else "red", soft_wrap=True)
    for reason in (plan.prefill.reason, plan.decode.reason):
        if sizing.feasible and reason != sizing.summary:
            console.print(reason, soft_wrap=True)
    if sizing.plan.feasible and not sizing.feasible:
        carried = f"{_carried(sizing)} of the load within both objectives"
        console.print(f"Our own model expects it to carry {carried}.", style="red")
    _print_others(sizing, console)


def print_what_if(answers: Answers, console: Console) -> None:
    """Print one line for each change."""
    table = Table(box=None, pad_edge=False)
    for column in ("what if", "prefill", "decode", "GPUs", "TTFT p90", "TPOT p90", "carried"):
        table.add_column(column, justify="left" if column == "what if" else "right")
    for changed, _, sizing in answers:
        plan = sizing.plan
        ttft, tpot = plan.prefill.percentiles, plan.decode.percentiles
        table.add_row(
            changed,
            _workers(plan.prefill),
            _workers(plan.decode),
            str(plan.gpus),
            duration(ttft.p90) if ttft else "",
            duration(tpot.p90) if tpot else "",
            _carried(sizing),
        )
    console.print(table)
    for changed, _, sizing in answers:
        if not sizing.plan.feasible:
            console.print(f"{changed}: {sizing.summary}", style="red", soft_wrap=True)


def _print_others(sizing: Sizing, console: Console) -> None:
    chosen = (sizing.plan.prefill.tensor_parallel_size, sizing.plan.decode.tensor_parallel_size)
    others = [
        f"{_workers(one.prefill)} + {_workers(one.decode)} = {one.gpus} GPUs"
        for one in sizing.alternatives
        if one.feasible
        and (one.prefill.tensor_parallel_size, one.decode.tensor_parallel_size) != chosen
    ]
    if others:
        console.print(f"other sizes: {'; '.join(others[:3])}", soft_wrap=True)


_LEFT = {"pool", "objective", "bound by"}
_BOUND = {
    Limit.TTFT: "TTFT",
    Limit.TPOT: "TPOT",
    Limit.UTILIZATION: "use cap",
    Limit.KV_ROOM: "KV room",
    Limit.NETWORK: "network",
    Limit.MINIMUM: "minimum",
    Limit.METHOD: "method",
    Limit.ONE_WORKER: "one worker",
}


def _pool(pool: PoolPlan, objective: str) -> tuple[str, ...]:
    seen = pool.percentiles
    figures = (duration(seen.p50), duration(seen.p90), duration(seen.p99)) if seen else ("",) * 3
    return (
        pool.role.value,
        _workers(pool),
        str(pool.gpus),
        f"{pool.utilization:.0%}",
        *figures,
        objective,
        _BOUND[pool.limited_by],
    )


def _workers(pool: PoolPlan) -> str:
    return f"{pool.workers} x TP{pool.tensor_parallel_size}"


def _objective(objective: Objective) -> str:
    return f"P{objective.percentile} {duration(objective.seconds)}"


def _demand(demand: Demand) -> str:
    return (
        f"{demand.requests_per_second:.3g} requests/s of {demand.prompt_tokens.mean:,.0f} prompt "
        f"and {demand.output_tokens.mean:,.0f} output tokens"
    )


def _carried(sizing: Sizing) -> str:
    return "all" if sizing.carried_share >= 1.0 else f"{sizing.carried_share:.0%}"
