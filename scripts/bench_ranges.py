"""The ranges that benchmarks stay within, `docs/benchmarks/ranges/NAME.yaml`, and how they are set.

After the range specifications of kueue's performance tests (`test/performance/scheduler`): a bound
stands beside the mean and the spread of the runs that it was set from, so that a reader sees how
much room it leaves. A goal is what one aims at, and may be missed for years; a value out of its
range is a change that somebody should look at, and ends `make bench-NAME` with an error.

    python -m scripts.bench_ranges NAME RUN.json ...

sets mean and spread from runs (`build/bench/NAME.json`, kept under other names). Bounds that are
there already stay; a figure without one gets one on its worse side.
"""

import argparse
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, model_validator

FOLDER = Path(__file__).parents[1] / "docs" / "benchmarks" / "ranges"
ROOM_SPREADS, ROOM_SHARE = 3.0, 0.05
"""A new bound is so many spreads and such a share of the mean away from it: the first is what runs
differ by, the second what they differ by between machines. A first guess, to be mended by hand.
"""

Better = Literal["lower", "higher"]
DIGITS = 4
"""Significant digits of what is written: figures are no more exact than that."""


class Range(BaseModel):
    """What a figure may be, and the mean and spread of the runs which say so.

    `spread` is half the way from the least of the runs to the greatest.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    at_least: float | None = None
    at_most: float | None = None
    mean: float
    spread: float

    @model_validator(mode="after")
    def _holds_its_own_mean(self) -> Self:
        if not self.holds(self.mean):
            raise ValueError(f"the mean {self.mean:g} is out of the range {self}")
        return self

    def holds(self, value: float) -> bool:
        """Whether the value is within; what is not a number never is."""
        above = self.at_least is None or value >= self.at_least
        below = self.at_most is None or value <= self.at_most
        return above and below and not math.isnan(value)

    def __str__(self) -> str:
        """As a reader writes it."""
        if self.at_least is None:
            return "any" if self.at_most is None else f"<= {self.at_most:g}"
        if self.at_most is None:
            return f">= {self.at_least:g}"
        return f"{self.at_least:g} to {self.at_most:g}"


class Ranges(BaseModel):
    """The ranges of a benchmark's figures by name, and the runs that they were set from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    measured: str
    figures: Mapping[str, Range]

    def missing(self, measured: Sequence[str], left_out: Sequence[str] = ()) -> list[str]:
        """Figures that have a range and were not measured.

        `left_out` are the beginnings of names that this run could not measure, and said so.
        """
        return [
            name
            for name in self.figures
            if name not in measured and not name.startswith(tuple(left_out))
        ]


def read(benchmark: str, folder: Path = FOLDER) -> Ranges:
    """The ranges of a benchmark; none where it has no file."""
    path = folder / f"{benchmark}.yaml"
    if not path.is_file():
        return Ranges(measured="", figures={})
    return Ranges.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def ranges_of(
    runs: Sequence[Mapping[str, float]], better: Mapping[str, Better]
) -> dict[str, Range]:
    """The ranges that runs suggest, each run its figures by name."""
    found = {}
    for name in runs[-1]:
        values = [run[name] for run in runs if name in run]
        mean, spread = sum(values) / len(values), (max(values) - min(values)) / 2
        room = ROOM_SPREADS * spread + ROOM_SHARE * abs(mean)
        least, most = (mean - room, None) if better[name] == "higher" else (None, mean + room)
        found[name] = Range(
            at_least=least if least is None else _rounded(least, math.floor),
            at_most=most if most is None else _rounded(most, math.ceil),
            mean=_rounded(mean, round),
            spread=_rounded(spread, round),
        )
    return found


def merged(old: Ranges, new: Mapping[str, Range], measured: str) -> Ranges:
    """New means and spreads in old bounds, where a figure had a range already.

    Raises `pydantic.ValidationError` where a new mean is out of an old bound.
    """
    figures = dict(old.figures)
    for name, one in new.items():
        bounds = figures.get(name, one)
        figures[name] = Range(
            at_least=bounds.at_least, at_most=bounds.at_most, mean=one.mean, spread=one.spread
        )
    return Ranges(measured=measured, figures=figures)


def text_of(benchmark: str, ranges: Ranges) -> str:
    """The file: a line a figure."""
    lines = [
        f"# What a run of `make bench-{benchmark}` may come to: see scripts/bench_ranges.py.",
        f"measured: {ranges.measured}",
        "figures:",
    ]
    for name, one in ranges.figures.items():
        kept = one.model_dump(exclude_none=True)
        lines.append(f"  {name}: {{{', '.join(f'{key}: {kept[key]:.10g}' for key in kept)}}}")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Set a benchmark's ranges from runs."""
    parser = argparse.ArgumentParser(prog="bench_ranges", description=__doc__)
    parser.add_argument("benchmark")
    parser.add_argument("runs", nargs="+", type=Path, help="files as build/bench/NAME.json")
    parser.add_argument("--on", default="two shared cores", help="the machine, in words")
    asked = parser.parse_args()
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in asked.runs]
    figures = [{one["name"]: one["value"] for one in report["figures"]} for report in reports]
    better = {one["name"]: one["better"] for one in reports[-1]["figures"]}
    measured = f"{len(reports)} runs on {asked.on}"
    ranges = merged(read(asked.benchmark), ranges_of(figures, better), measured)
    FOLDER.mkdir(parents=True, exist_ok=True)
    text = text_of(asked.benchmark, ranges)
    (FOLDER / f"{asked.benchmark}.yaml").write_text(text, encoding="utf-8")


def _rounded(value: float, how: Callable[[float], float]) -> float:
    """`value` with so many digits as a reader wants, by `how`: up, down or to the nearest."""
    if not value:
        return 0.0
    scale = 10.0 ** (DIGITS - 1 - math.floor(math.log10(abs(value))))
    return how(value * scale) / scale


if __name__ == "__main__":
    main()
