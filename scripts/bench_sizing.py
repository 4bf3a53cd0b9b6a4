"""Whether plans are enough and no more than enough, by simulation; and how long they take.

About three minutes. Where `$PD_DYNAMO_PYTHON` has Dynamo's replay (`scripts/install_dynamo.sh`),
the plans beside aiconfigurator's are tried in it as well; only then is docs/benchmarks/sizing.md
written.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from scripts.bench_format import Figure, write
from scripts.simulator_bench.against_dynamo import dynamo_python
from scripts.sizing import measured_rows
from scripts.sizing.aiconfigurator import COMPARISONS, Compared, Comparison
from scripts.sizing.cases import all_cases
from scripts.sizing.policies import waits
from scripts.sizing.report import write_report
from scripts.sizing.timing import plan_milliseconds, tick_plan_milliseconds
from scripts.sizing.verdicts import Verdict, judge

_IN_DYNAMO = "attained_percent_in_dynamo/"


def main() -> int:
    """Judge, measure, write `build/bench/sizing.json` and the page; returns the exit status."""
    console = Console()
    cases = all_cases()
    verdicts = []
    for number, case in enumerate(cases, 1):
        console.print(
            f"{number}/{len(cases)} {case.model.profile} {case.requests_per_second:g}/s "
            f"{case.router.value}"
        )
        verdicts.append(judge(case))
    compared = [Compared(one, one.simulated(), _replayed(one)) for one in COMPARISONS]
    open_cases = tuple(one.case() for one in COMPARISONS)
    figures = [
        *_judged(verdicts),
        *_beside_aiconfigurator(compared),
        Figure("plan_milliseconds", plan_milliseconds(open_cases), "ms", 50.0),
        Figure("tick_plan_milliseconds", tick_plan_milliseconds(cases), "ms", 5.0),
        *measured_rows.figures(),
    ]
    if dynamo_python():
        write_report(verdicts, compared, tuple(waits()), figures)
        return write("sizing", figures)
    console.print("no PD_DYNAMO_PYTHON: Dynamo's replay is left out, and no page is written")
    return write("sizing", figures, left_out=(_IN_DYNAMO,))


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


def _replayed(one: Comparison) -> tuple[float, float] | None:
    python = dynamo_python()
    return None if python is None else one.replayed(python)


def _beside_aiconfigurator(compared: Sequence[Compared]) -> Iterator[Figure]:
    for each in compared:
        one, name = each.comparison, each.comparison.name
        capped = one.case(utilization_cap=0.85).sizing.plan.gpus
        simulated = 100 * each.simulated.attained.joint
        yield Figure(f"gpus/{name}", one.case().sizing.plan.gpus, "GPUs", one.goal)
        yield Figure(f"gpus_at_default_cap/{name}", capped, "GPUs")
        yield Figure(f"attained_percent/{name}", simulated, "%", 90.0, "higher")
        if each.replayed is not None:
            lesser = 100 * min(each.replayed)
            yield Figure(_IN_DYNAMO + name, lesser, "%", 90.0, "higher")


def _count(flags: Iterable[bool]) -> int:
    return sum(flags)


if __name__ == "__main__":
    sys.exit(main())
