"""What changes of a service's workers cost its users, and what a large fleet costs the operator.

The first should be nothing. A real API server, Kubernetes' controllers, SGLang's router and
simulated engines, with the operator from its chart, under streams at a steady rate: workers change
their role to and fro, and others are drained and removed. Besides, every step of a flip is played
in memory as the last of an operator's process, once and twice, and a shift between prompts and
answers is played in the simulator with flips and without. A flip is timed from the Event that
tells of its decision to the router's list of workers, as a whole and beyond the engine's own idle
wait: the time in which that still has requests.

Then 500 services of ten pods, whose nodes and pods kwok plays (`controller_bench.fleet`).

    PD_PARTS      what is measured (flips,scale-downs,fleet)
    PD_CHANGES    how many flips, and how many scale-downs (20: some twenty minutes)
    PD_SERVICES   how large the fleet is (500: some twenty minutes)
    PD_BEFORE     the commit whose operator the fleet's is held against
"""

import asyncio
import os
import sys

import numpy as np
from rich.console import Console
from scripts.bench_format import Figure, write
from scripts.controller_bench.fleet.measure import measure_fleet
from scripts.controller_bench.flips import Flipped, flip
from scripts.controller_bench.load import Outcome
from scripts.controller_bench.mix_shift import outside_objectives
from scripts.controller_bench.scale_downs import scale_down
from scripts.controller_bench.stage import stage
from tests.property.actuation.modeled_flip import illegal_crash_points

CHANGES = int(os.environ.get("PD_CHANGES", "20"))
FLIPS, SCALE_DOWNS, FLEET = "flips", "scale-downs", "fleet"
FIGURES_OF = {
    FLIPS: ("flip", "crash_points", "outside_objectives"),
    SCALE_DOWNS: ("scale_downs",),
    FLEET: (
        *("services", "tick", "operator_", "idle_writes", "growth"),
        "tick_cpu_over_before",
    ),
}
"""Beginnings of the names of the figures that a part alone has."""

OF_BOTH = ("requests", "wrong_victims")


def main() -> int:
    """Measure all, write `build/bench/controller.json`; returns the exit status."""
    console = Console()
    parts = set(os.environ.get("PD_PARTS", ",".join(FIGURES_OF)).split(","))
    if unknown := parts - FIGURES_OF.keys():
        raise ValueError(f"no such part: {sorted(unknown)}; there are {list(FIGURES_OF)}")
    figures: list[Figure] = []
    if FLIPS in parts:
        played, illegal = asyncio.run(illegal_crash_points())
        console.print(f"{played} orders of crashes in a flip, {len(illegal)} end wrong")
        console.print(*illegal[:5], sep="\n")
        figures += [
            Figure("crash_points_illegal", len(illegal), "orders", 0),
            Figure("crash_points", played, "orders", None, "higher"),
            *_of_a_mix_shift(),
        ]
    if parts & {FLIPS, SCALE_DOWNS}:
        figures += _changes(console, parts)
    if FLEET in parts:
        figures += measure_fleet(console.print).figures()
    left_out = [begin for part in FIGURES_OF.keys() - parts for begin in FIGURES_OF[part]]
    if parts == {FLEET}:
        left_out += OF_BOTH
    return write("controller", figures, left_out)


def _changes(console: Console, parts: set[str]) -> list[Figure]:
    all_told, figures = Outcome(), []
    with stage() as running:
        if FLIPS in parts:
            console.print(f"{CHANGES} changes of role under load")
            flipped, outcome = flip(running, CHANGES)
            all_told, figures = all_told + outcome, _of_flips(flipped)
        if SCALE_DOWNS in parts:
            console.print(f"{CHANGES} scale-downs under load")
            removed, outcome = scale_down(running, CHANGES)
            all_told += outcome
            figures.append(Figure("scale_downs", removed, "workers", None, "higher"))
    console.print(*all_told.lost[:10], sep="\n")
    return [
        Figure("requests_lost", len(all_told.lost), "requests", 0),
        Figure("requests", all_told.requests, "requests", None, "higher"),
        Figure("wrong_victims", all_told.wrong_victims, "workers", 0),
        *figures,
    ]


def _of_a_mix_shift() -> list[Figure]:
    outside = outside_objectives()
    return [
        Figure("outside_objectives_ratio", outside.times_shorter, "times", 10.0, "higher"),
        Figure("outside_objectives_seconds_by_replicas", outside.by_replicas, "s"),
        Figure("outside_objectives_seconds_by_flips", outside.by_flips, "s"),
    ]


def _of_flips(flipped: list[Flipped]) -> list[Figure]:
    whole = np.array([one.seconds for one in flipped])
    p50, p99 = np.percentile(whole - [one.idle_wait for one in flipped], [50, 99])
    whole_p50, whole_p99 = np.percentile(whole, [50, 99])
    return [
        Figure("flips", len(flipped), "flips", None, "higher"),
        Figure("flip_seconds_p50", float(p50), "s", 3.0),
        Figure("flip_seconds_p99", float(p99), "s", 6.0),
        Figure("flip_seconds_whole_p50", float(whole_p50), "s"),
        Figure("flip_seconds_whole_p99", float(whole_p99), "s"),
    ]


if __name__ == "__main__":
    sys.exit(main())
