"""What changes of role and scale-downs cost those who send requests: it should be nothing.

A real API server, Kubernetes' controllers, SGLang's router and simulated engines, with the operator
from its chart, under streams at a steady rate: workers change their role to and fro, and others are
drained and removed. `PD_CHANGES` says how many of each, by default 20 in some twenty minutes.
Besides, every step of a flip is played in memory as the last of an operator's process, once and
twice.

A flip is timed from the Event that tells of its decision to the router's list of workers, as a
whole and beyond the engine's own idle wait: the time in which that still has requests.
"""

import asyncio
import os
import sys

import numpy as np
from rich.console import Console
from scripts.bench_format import Figure, write
from scripts.controller_bench.flips import flip
from scripts.controller_bench.scale_downs import scale_down
from scripts.controller_bench.stage import stage
from tests.property.actuation.modeled_flip import illegal_crash_points

CHANGES = int(os.environ.get("PD_CHANGES", "20"))


def main() -> int:
    """Measure all, write `build/bench/controller.json`; returns the exit status."""
    console = Console()
    played, illegal = asyncio.run(illegal_crash_points())
    console.print(f"{played} orders of crashes in a flip, {len(illegal)} end wrong", *illegal[:5])
    with stage() as running:
        console.print(f"{CHANGES} changes of role under load")
        flipped, flipping = flip(running, CHANGES)
        console.print(f"{CHANGES} scale-downs under load")
        removed, shrinking = scale_down(running, CHANGES)
    all_told = flipping + shrinking
    console.print(*all_told.lost[:10], sep="\n")
    whole = np.array([one.seconds for one in flipped])
    p50, p99 = np.percentile(whole - [one.idle_wait for one in flipped], [50, 99])
    whole_p50, whole_p99 = np.percentile(whole, [50, 99])
    return write(
        "controller",
        [
            Figure("requests_lost", len(all_told.lost), "requests", 0),
            Figure("requests", all_told.requests, "requests", None, "higher"),
            Figure("flips", len(flipped), "flips", None, "higher"),
            Figure("flip_seconds_p50", float(p50), "s", 3.0),
            Figure("flip_seconds_p99", float(p99), "s", 6.0),
            Figure("flip_seconds_whole_p50", float(whole_p50), "s"),
            Figure("flip_seconds_whole_p99", float(whole_p99), "s"),
            Figure("scale_downs", removed, "workers", None, "higher"),
            Figure("wrong_victims", all_told.wrong_victims, "workers", 0),
            Figure("crash_points_illegal", len(illegal), "orders", 0),
            Figure("crash_points", played, "orders", None, "higher"),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
