"""The one format of every benchmark: `build/bench/NAME.json`, and a table on the terminal.

A figure may have a goal, which is aimed at and shown, and a committed range, which a run must stay
within (`scripts/bench_ranges.py`).
"""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from scripts.bench_ranges import Better, Ranges, read

_ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Figure:
    """One measured figure. `goal` is None where it is only reported, `better` says which way."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    better: Better = "lower"

    @property
    def meets_goal(self) -> bool:
        """Whether the value is at its goal or better; true where there is none."""
        if self.goal is None:
            return True
        return self.value <= self.goal if self.better == "lower" else self.value >= self.goal


def write(benchmark: str, figures: Sequence[Figure], left_out: Sequence[str] = ()) -> int:
    """Write and print the figures of `benchmark`; returns the exit status, 1 if any is missed.

    A figure is missed where it is out of its committed range, or has one and was not measured.
    `left_out` are the beginnings of names that this run said it cannot measure here.
    """
    ranges = read(benchmark)
    outside = missed(figures, ranges)
    absent = ranges.missing([figure.name for figure in figures], left_out)
    path = _ROOT / "build" / "bench" / f"{benchmark}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    report = {
        "benchmark": benchmark,
        "commit": commit(),
        "figures": [asdict(figure) for figure in figures],
        "missed": [*outside, *absent],
    }
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    console = Console()
    console.print(_table(benchmark, figures, ranges))
    for name in absent:
        console.print(f"missed: {name} has a range and was not measured")
    return 1 if outside or absent else 0


def missed(figures: Sequence[Figure], ranges: Ranges) -> list[str]:
    """Names of the figures that are out of their range."""
    return [
        figure.name
        for figure in figures
        if (range_ := ranges.figures.get(figure.name)) and not range_.holds(figure.value)
    ]


def _table(benchmark: str, figures: Sequence[Figure], ranges: Ranges) -> Table:
    table = Table(title=f"benchmark: {benchmark}")
    for column in ("figure", "value", "unit", "goal", "", "range", "of runs", ""):
        right = column in ("value", "goal")
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    outside = missed(figures, ranges)
    for figure in figures:
        goal = "" if figure.goal is None else f"{figure.goal:g}"
        reached = "" if figure.goal is None else ("reached" if figure.meets_goal else "not reached")
        cells = [figure.name, f"{figure.value:.4g}", figure.unit, goal, reached]
        if range_ := ranges.figures.get(figure.name):
            runs = f"{range_.mean:g} ± {range_.spread:g}"
            cells += [str(range_), runs, "missed" if figure.name in outside else "ok"]
        table.add_row(*cells)
    return table


def commit() -> str:
    """The commit measured, with `+` where the working tree differs from it."""
    try:
        short = _git("rev-parse", "--short", "HEAD")
        return short + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - fixed program, no input from outside
        ("git", *arguments),  # noqa: S607 - git is found on PATH like anywhere else
        cwd=_ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()
