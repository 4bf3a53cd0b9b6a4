"""Whether plans are enough and no more than enough, by simulation; and how long they take."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from scripts.bench_format import Figure, write
from scripts.sizing import measured_rows
from scripts.sizing.aiconfigurator import COMPARISONS, Comparison
from scripts.sizing.cases import Outcome, all_cases
from scripts.sizing.policies import waits
from scripts.sizing.report import write_report
from scripts.sizing.timing import plan_milliseconds, tick_plan_milliseconds
from scripts.sizing.verdicts import Verdict, judge


def main() -> None:
    """Judge, measure, write `build/bench/sizing.json` and docs/benchmarks/sizing.md."""
    console = Console()
    cases = all_cases()
    verdicts = []
    for number, case in enumerate(cases, 1):
        console.print(
            f"{number}/{len(cases)} {case.model.profile} {case.requests_per_second:g}/s "
            f"{case.router.value}"
        )
        verdicts.append(judge(case))
    compared = [(one, one.simulated()) for one in COMPARISONS]
    open_sizes = tuple(one.case() for one in COMPARISONS)
    figures = [
        *_judged(verdicts),
        *_beside_aiconfigurator(compared),
        Figure("plan_milliseconds", plan_milliseconds(open_sizes), "ms", 50.0),
        Figure("tick_plan_milliseconds", tick_plan_milliseconds(cases), "ms", 5.0),
        *measured_rows.figures(),
    ]
    write("sizing", figures)
    write_report(verdicts, compared, tuple(waits()), figures)


def _judged(verdicts: Sequence[Verdict]) -> list[Figure]:
    exact_prefill = _count(v.prefill_over == 0 for v in verdicts)
    exact_decode = _count(v.decode_over == 0 for v in verdicts)
    over_by_more = _count(max(v.prefill_over, v.decode_over) > 1 for v in verdicts)
    uncapped = _count(v.prefill_over_without_cap == 0 for v in verdicts)
    return [
        Figure("cases_short", _count(not v.outcome.kept for v in verdicts), "cases", 0),
        Figure("cases_exact_prefill", exact_prefill, "cases", 36, "higher"),
        Figure("cases_exact_decode", exact_decode, "cases", 38, "higher"),
        Figure("cases_over_by_more_than_one", over_by_more, "cases", 0),
        Figure("cases_exact_prefill_without_cap", uncapped, "cases", None, "higher"),
    ]


def _beside_aiconfigurator(compared: Sequence[tuple[Comparison, Outcome]]) -> list[Figure]:
    figures = []
    for one, outcome in compared:
        figures += [
            Figure(f"gpus/{one.name}", one.case().sizing.plan.gpus, "GPUs", one.goal),
            Figure(
                f"gpus_at_default_cap/{one.name}",
                one.case(utilisation_cap=0.85).sizing.plan.gpus,
                "GPUs",
            ),
            Figure(
                f"attained_percent/{one.name}", 100 * outcome.attained.joint, "%", 90.0, "higher"
            ),
        ]
    return figures


def _count(flags: Iterable[bool]) -> int:
    return sum(flags)


if __name__ == "__main__":
    main()
