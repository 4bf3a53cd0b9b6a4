"""The one format of every benchmark: `build/bench/NAME.json`, and a table on the terminal."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

_ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Figure:
    """One measured figure. `goal` is None where it is only reported, `better` says which way."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    better: Literal["lower", "higher"] = "lower"

    @property
    def meets_goal(self) -> bool:
        """Whether the value is at its goal or better; true where there is none."""
        if self.goal is None:
            return True
        return self.value <= self.goal if self.better == "lower" else self.value >= self.goal


def write(benchmark: str, figures: Sequence[Figure]) -> Path:
    """Write and print the figures of `benchmark`; returns the path of the JSON file."""
    path = _ROOT / "build" / "bench" / f"{benchmark}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    report = {
        "benchmark": benchmark,
        "commit": commit(),
        "figures": [asdict(figure) for figure in figures],
    }
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    _print(benchmark, figures)
    return path


def _print(benchmark: str, figures: Sequence[Figure]) -> None:
    table = Table(title=f"benchmark: {benchmark}")
    for column in ("figure", "value", "unit", "goal", ""):
        table.add_column(column, justify="right" if column in ("value", "goal") else "left")
    for figure in figures:
        goal = "" if figure.goal is None else f"{figure.goal:g}"
        verdict = "" if figure.goal is None else ("ok" if figure.meets_goal else "missed")
        table.add_row(figure.name, f"{figure.value:.4g}", figure.unit, goal, verdict)
    Console().print(table)


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
