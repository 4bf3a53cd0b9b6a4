"""The benchmark's page and its picture."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture
from scripts.bench_format import Figure
from scripts.sizing.aiconfigurator import UTILIZATION_CAP, Compared
from scripts.sizing.cases import REQUESTS
from scripts.sizing.policies import PROFILE, SIZE, UTILIZATION, VARIATIONS, WORKERS, Waits
from scripts.sizing.verdicts import Verdict

from pd_operator.api.router import PrefillPolicy
from pd_operator.cli.report.style import DECODE, MUTED, PREFILL, style, svg

FOLDER = Path(__file__).parents[2] / "docs" / "benchmarks"


def write_report(
    verdicts: Sequence[Verdict],
    compared: Sequence[Compared],
    waits: Sequence[Waits],
    figures: Sequence[Figure],
) -> None:
    """Write sizing.md and sizing.svg."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "sizing.svg").write_text(_picture(verdicts), encoding="utf-8")
    (FOLDER / "sizing.md").write_text(_page(verdicts, compared, waits, figures), encoding="utf-8")


def _page(
    verdicts: Sequence[Verdict],
    compared: Sequence[Compared],
    waits: Sequence[Waits],
    figures: Sequence[Figure],
) -> str:
    return f"""# Sizing, checked by simulation

Written by `make bench-sizing`. How sizing works: [docs/sizing.md](../sizing.md).

## Figures

{_table(("figure", "value", "goal"), [_figure(figure) for figure in figures])}

## Forty loads

Five models at 5 to 150 requests/s behind two routers: Poisson arrivals, lognormal lengths with the
mean and variation of the Azure conversation trace (1155 and 211 tokens), P90 objectives,
{REQUESTS:,} simulated requests each. A plan is *short* where it misses an objective. A pool is
*exact* where one worker less would miss one or keep prefill busier than 85 % of the time, the cap
that is part of every plan; *over* counts the workers that could go. The last column is without the
cap: how many prefill workers could go if 100 % busy were fine.

{_table(_CASE_COLUMNS, [_case(verdict) for verdict in verdicts])}

![Predicted and simulated latencies](sizing.svg)

## Beside aiconfigurator

The same tables and loads. aiconfigurator 0.12.0 (`cli_recommend`, disaggregated) plans for mean
lengths, derates capacities by 0.9 and 0.92 and repeats pairs of pools whole; ours sizes each pool
by itself. The cap on utilization is {UTILIZATION_CAP:g} here, which leaves the busiest plan at
0.92, as aiconfigurator's own constant would. With our default of 0.85 the GPUs are those in
brackets.

Dynamo 1.5.1 replays 20,000 of the requests behind its load-aware router. Its prefill makes the
first token with a decode step of its own after each pass; the profile's pass has it in, so the
tables are given without that step. With it on top, which is a sixth more work, the third plan kept
TTFT for 88 % and the others for 90 to 99 %, when last tried.

{_table(_COMPARED_COLUMNS, [_compared(each) for each in compared])}

## The router's policy

DOPD schedules by length. The nearest that SGLang's router has is its bucket policy, a range of
lengths for each prefill worker. P90 time to first token in milliseconds with {WORKERS} workers of
{PROFILE} TP{SIZE}, {UTILIZATION:.0%} busy; in brackets that of prompts below the mean length.

{_table(_WAIT_COLUMNS, _wait_rows(waits))}

Bucket spares short prompts what a router costs that knows nothing, and everybody where the tail is
heavy; a router that knows the workers' loads is better for all of them, the short ones too. So it
is not recommended. What is known of
the loads must be fresh: power of two by loads that are seconds old sends everybody to the same
worker, and is then the worst choice there is. Plans assume fresh loads.
"""


_CASE_COLUMNS = (
    "model", "requests/s", "router", "P", "D", "TTFT P90 ms: predicted", "simulated", "objective",
    "TPOT P90 ms: predicted", "simulated", "objective", "short", "P over", "D over",
    "P over, no cap",
)  # fmt: skip
_WAIT_COLUMNS = ("policy", "loads asked for", *(f"lengths vary by {v:g}" for v in VARIATIONS))
_COMPARED_COLUMNS = (
    "load",
    "aiconfigurator",
    "ours",
    "plan",
    "both objectives met by",
    "in Dynamo's replay: TTFT, TPOT",
)


def _case(verdict: Verdict) -> tuple[str, ...]:
    case, outcome = verdict.case, verdict.outcome
    pools = case.sizing.plan
    return (
        f"{case.model.profile} TP{case.model.tensor_parallel_size}",
        f"{case.requests_per_second:g}",
        case.router.value,
        str(pools.prefill.workers),
        str(pools.decode.workers),
        f"{1e3 * pools.prefill.latency_seconds:.0f}",
        f"{1e3 * outcome.ttft:.0f}",
        f"{case.model.ttft:g}",
        f"{1e3 * pools.decode.latency_seconds:.1f}",
        f"{1e3 * outcome.tpot:.1f}",
        f"{case.model.tpot:g}",
        "" if outcome.kept else "short",
        str(verdict.prefill_over),
        str(verdict.decode_over),
        str(verdict.prefill_over_without_cap),
    )


def _compared(each: Compared) -> tuple[str, ...]:
    one = each.comparison
    pools, capped = one.case().sizing.plan, one.case(utilization_cap=0.85).sizing.plan
    return (
        f"{one.model.profile}, {one.requests_per_second:g}/s, "
        f"{one.model.ttft:g}/{one.model.tpot:g} ms",
        str(one.recommended),
        f"{pools.gpus} ({capped.gpus})",
        f"{pools.prefill.workers} x TP{pools.prefill.tensor_parallel_size} + "
        f"{pools.decode.workers} x TP{pools.decode.tensor_parallel_size}",
        f"{each.simulated.attained.joint:.1%}",
        "not run"
        if each.replayed is None
        else ", ".join(f"{share:.1%}" for share in each.replayed),
    )


def _wait_rows(waits: Sequence[Waits]) -> list[tuple[str, ...]]:
    asked = {0.0: "at once", 1.0: "each second", 10.0: "each 10 s"}
    blind = {PrefillPolicy.RANDOM, PrefillPolicy.ROUND_ROBIN, PrefillPolicy.BUCKET}
    rows: dict[tuple[str, str], list[str]] = {}
    for one in waits:
        told = "" if one.policy in blind else asked[one.poll_seconds]
        cell = f"{1e3 * one.ttft:.0f} ({1e3 * one.ttft_of_short:.0f})"
        rows.setdefault((one.policy.value, told), []).append(cell)
    return [(*names, *cells) for names, cells in rows.items()]


def _figure(figure: Figure) -> tuple[str, ...]:
    goal = "" if figure.goal is None else f"{figure.goal:g}"
    unit = "" if figure.unit in {"cases", "GPUs", "rows"} else f" {figure.unit}"
    return (f"`{figure.name}`", f"{figure.value:.4g}{unit}", goal)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _picture(verdicts: Sequence[Verdict]) -> str:
    with style(text_as_paths=False):
        picture = Picture(figsize=(9.5, 4.2), layout="constrained")
        left, right = picture.subplots(1, 2)
        _scatter(
            left,
            [v.outcome.ttft for v in verdicts],
            [v.case.sizing.plan.prefill.latency_seconds for v in verdicts],
            PREFILL,
        )
        _scatter(
            right,
            [v.outcome.tpot for v in verdicts],
            [v.case.sizing.plan.decode.latency_seconds for v in verdicts],
            DECODE,
        )
        left.set_title("TTFT P90, ms")
        right.set_title("TPOT P90, ms")
        return svg(picture)


def _scatter(axes: Axes, simulated: list[float], predicted: list[float], color: str) -> None:
    x, y = [1e3 * s for s in simulated], [1e3 * s for s in predicted]
    ends = [0.9 * min(*x, *y), 1.1 * max(*x, *y)]
    axes.plot(ends, ends, color=MUTED, linewidth=0.8)
    axes.scatter(x, y, s=18, color=color)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("simulated")
    axes.set_ylabel("predicted")
