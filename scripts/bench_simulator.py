"""How fast the simulator is, how its cost grows, and whether Dynamo's replay agrees with it.

About two minutes. `--full` adds ten million requests. Dynamo's part needs its Python in
`$PD_DYNAMO_PYTHON` (`scripts/install_dynamo.sh`); without it that is left out, and the pages in
`docs/benchmarks` are not written.
"""

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from statistics import median

from scripts.bench_format import Figure, write
from scripts.simulator_bench.against_dynamo import Comparison, compare, dynamo_python
from scripts.simulator_bench.cases import cases
from scripts.simulator_bench.document import write_document
from scripts.simulator_bench.speed import DAY_REQUESTS, Cost, measure

Say = Callable[[str], None]

_POOLS = 12  # P4 D8
_REPEATS, _SPEED_REQUESTS = 3, 200_000
_REQUESTS = (100_000, 300_000, 1_000_000)
_MAXIMUM_REQUESTS = 10_000_000
_WORKERS, _REQUESTS_PER_WORKER = (8, 25, 50, 100, 200), 5_000


def speed_figures(say: Say) -> list[Figure]:
    """Speed of a medium run, and cost of a day."""
    speeds = [measure(_POOLS, _SPEED_REQUESTS).requests_per_second for _ in range(_REPEATS)]
    say(f"P4 D8: {median(speeds):,.0f} requests per CPU second")
    whole = measure(_POOLS, DAY_REQUESTS, whole_day=True)
    say(f"a day of {DAY_REQUESTS:,}: {whole.cpu_seconds:.1f} CPU s, {whole.megabytes:.0f} MB")
    return [
        Figure("requests_per_cpu_second", median(speeds), "1/s", 60_000, "higher"),
        Figure("day_cpu_seconds", whole.cpu_seconds, "s", 75),
        Figure("day_megabytes", whole.megabytes, "MB", 1000),
    ]


def growth(say: Say, *, full: bool) -> tuple[list[Cost], list[Cost]]:
    """Cost over requests, and over workers."""
    counts = (*_REQUESTS, _MAXIMUM_REQUESTS) if full else _REQUESTS
    by_requests = [measure(_POOLS, count) for count in counts]
    by_workers = [measure(workers, _REQUESTS_PER_WORKER * workers) for workers in _WORKERS]
    for cost in (*by_requests, *by_workers):
        say(f"{cost.workers:4d} workers, {cost.requests:11,} requests: {cost.cpu_seconds:.2f} s")
    return by_requests, by_workers


def over_n_log_n(sizes: Sequence[int], costs: Sequence[Cost]) -> float:
    """Growth from the smallest to the largest size, over what n log n would be."""
    seconds = costs[-1].cpu_seconds / costs[0].cpu_seconds
    allowed = sizes[-1] * math.log(sizes[-1]) / (sizes[0] * math.log(sizes[0]))
    return seconds / allowed


def comparisons(say: Say) -> list[Comparison]:
    """All cases in both simulators; none without Dynamo."""
    python = dynamo_python()
    if python is None:
        say("no PD_DYNAMO_PYTHON: the comparison with Dynamo's replay is left out")
        return []
    found = []
    for case in cases():
        one = compare(case, python)
        say(
            f"{case.name}: TPOT within {one.tpot_error:.2%}, "
            f"TTFT P90 beyond 10 ms by {one.ttft_p90_excess:.1%}"
        )
        found.append(one)
    return found


_OF_COMPARISONS = ("tpot_error_percent_max", "ttft_p90_excess_max", "cases_compared")


def comparison_figures(found: Sequence[Comparison]) -> list[Figure]:
    """The worst of all cases."""
    if not found:
        return []
    tpot, ttft, compared = _OF_COMPARISONS
    return [
        Figure(tpot, 100 * max(one.tpot_error for one in found), "%", 2.0),
        Figure(ttft, max(one.ttft_p90_excess for one in found), "share", 0.1),
        Figure(compared, len(found), "cases", 12, "higher"),
    ]


def main() -> int:
    """Measure all, write `build/bench/simulator.json` and the pages; returns the exit status."""

    def say(line: str) -> None:
        print(line, flush=True)  # noqa: T201 - progress on the terminal

    parser = argparse.ArgumentParser(prog="bench_simulator", description=__doc__)
    parser.add_argument("--full", action="store_true", help="ten million requests, too")
    full = parser.parse_args().full
    figures = speed_figures(say)
    by_requests, by_workers = growth(say, full=full)
    figures += [
        Figure(
            "growth_in_requests_over_n_log_n",
            over_n_log_n([cost.requests for cost in by_requests], by_requests),
            "ratio",
            1.0,
        ),
        Figure(
            "growth_in_workers_over_n_log_n",
            over_n_log_n([cost.workers for cost in by_workers], by_workers),
            "ratio",
            1.0,
        ),
    ]
    found = comparisons(say)
    figures += comparison_figures(found)
    status = write("simulator", figures, left_out=() if found else _OF_COMPARISONS)
    if found:
        write_document(figures, by_requests, by_workers, found)
    return status


if __name__ == "__main__":
    sys.exit(main())
