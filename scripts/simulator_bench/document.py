"""`docs/benchmarks/simulator.md`: what was measured, in words and tables."""

from collections.abc import Sequence
from pathlib import Path

from scripts.bench_format import Figure
from scripts.simulator_bench.against_dynamo import Comparison
from scripts.simulator_bench.plots import write_comparison, write_growth
from scripts.simulator_bench.speed import Cost

_FOLDER = Path(__file__).parent.parent.parent / "docs" / "benchmarks"

_HEAD = """# The simulator: speed, growth, and another simulator beside it

Written by `make bench-simulator`. What is simulated, and what is not, is in the docstrings of
`pd_operator.simulation`; times are CPU seconds of one core, in plain CPython.
"""

_DYNAMO = """
## Against Dynamo's replay

The same arrivals, lengths, tables, pools and round-robin router in `ai-dynamo==1.5.1`
(`scripts/install_dynamo.sh VENV` installs it, `PD_DYNAMO_PYTHON=VENV/bin/python` names it to the
benchmark). Each cell is ours / theirs in milliseconds. The error of TPOT is the largest of the
three quantiles; the excess of TTFT is what its P90 is off by beyond 10 ms, over Dynamo's.

Where Dynamo *models* something differently, our simulator was given the same: a pass costs its
total of new tokens and one decode step more, in which the prefill makes the first token; the decode
makes it again; prompts are split only where they are longer than a pass. What stays different: here
a prefill's transfers go one after the other, there all at once.
"""


def write_document(
    figures: Sequence[Figure],
    by_requests: Sequence[Cost],
    by_workers: Sequence[Cost],
    comparisons: Sequence[Comparison],
) -> None:
    """Write the page and its plots."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    write_growth(by_requests, by_workers, _FOLDER / "simulator-growth.svg")
    text = _HEAD + _figures(figures) + _growth(by_requests, by_workers)
    if comparisons:
        write_comparison(comparisons, _FOLDER / "simulator-dynamo.svg")
        text += _DYNAMO + _comparisons(comparisons)
    (_FOLDER / "simulator.md").write_text(text, encoding="utf-8")


def _figures(figures: Sequence[Figure]) -> str:
    rows = "".join(
        f"| {one.name} | {_value(one)} | {one.unit} | {'' if one.goal is None else _goal(one)} |\n"
        for one in figures
    )
    return f"\n| figure | value | unit | goal |\n|---|---|---|---|\n{rows}"


def _value(figure: Figure) -> str:
    return f"{figure.value:,.0f}" if figure.value >= 1000 else f"{figure.value:.3g}"


def _goal(figure: Figure) -> str:
    sign = "at least" if figure.better == "higher" else "at most"
    return f"{sign} {figure.goal:,g}"


def _growth(by_requests: Sequence[Cost], by_workers: Sequence[Cost]) -> str:
    rows = "".join(
        f"| {cost.workers} | {cost.requests:,} | {cost.cpu_seconds:.2f} | "
        f"{cost.requests_per_second:,.0f} | {cost.megabytes:.0f} |\n"
        for cost in (*by_requests, *by_workers)
    )
    return (
        "\n## Growth\n\nWith a third of the workers as prefills, 7.5 requests per second and "
        "worker,\n1155 prompt and 211 output tokens in the mean.\n\n"
        "| workers | requests | CPU s | requests per CPU s | MB |\n|---|---|---|---|---|\n"
        f"{rows}\n![growth](simulator-growth.svg)\n"
    )


def _comparisons(comparisons: Sequence[Comparison]) -> str:
    rows = "".join(_row(one) for one in comparisons)
    return (
        "\n| load and service | TTFT P50 | P90 | P99 | excess | TPOT P50 | P90 | P99 | error | "
        "CPU s |\n|---|---|---|---|---|---|---|---|---|---|\n"
        f"{rows}\n![each quantile of ours over theirs](simulator-dynamo.svg)\n"
    )


def _row(one: Comparison) -> str:
    (ttft, tpot), (their_ttft, their_tpot) = one.ours.quantiles(), one.theirs.quantiles()
    first = " | ".join(f"{a:.0f} / {b:.0f}" for a, b in zip(ttft, their_ttft, strict=True))
    later = " | ".join(f"{a:.2f} / {b:.2f}" for a, b in zip(tpot, their_tpot, strict=True))
    spent = f"{one.ours.cpu_seconds:.2f} / {one.theirs.cpu_seconds:.2f}"
    return (
        f"| {one.case.name} | {first} | {one.ttft_p90_excess:.1%} | {later} | "
        f"{one.tpot_error:.2%} | {spent} |\n"
    )
