"""pd-operator sizes the pools in the replay of NVIDIA Dynamo, on NVIDIA's own planner test.

About five minutes on two cores. `$PD_DYNAMO_PYTHON` names a Python that has ai-dynamo 1.5.1
(`scripts/install_dynamo.sh`).
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from statistics import mean

from scripts.bench_format import Figure, write
from scripts.nvidia_replay.document import write_document
from scripts.nvidia_replay.plays import PLAYS, SINE_PLAY, Outcome, Play, played
from scripts.simulator_bench.against_dynamo import dynamo_python

_SEEDS = 5
_SHARE_GOAL, _GPU_HOURS_GOAL = 0.95, 3.3
"""Goals on the sine: the share of the cheapest fixed pools, with less than their GPU-hours."""


def figures(play: Play, outcomes: Sequence[Outcome]) -> Iterator[Figure]:
    """Means of the seeds, and half the way from the least share to the greatest."""
    goals = (_SHARE_GOAL, _GPU_HOURS_GOAL) if play is SINE_PLAY else (None, None)
    shares = [one.share for one in outcomes]
    hours = mean(one.gpu_hours for one in outcomes)
    spread = (max(shares) - min(shares)) / 2
    yield Figure(f"{play.figure}_share", mean(shares), "share", goals[0], "higher")
    yield Figure(f"{play.figure}_gpu_hours", hours, "h", goals[1])
    yield Figure(f"{play.figure}_share_spread", spread, "share")


def tried(figure: str, seed: int, python: str) -> Outcome:
    """Play one by its name: a scenario itself cannot go to another process."""
    (play,) = (play for play in PLAYS if play.figure == figure)
    return played(play, seed, python)


def say(line: str) -> None:
    """Show progress on the terminal."""
    print(line, flush=True)  # noqa: T201 - progress on the terminal


def main() -> int:
    """Play all, write `build/bench/nvidia.json` and the page; returns the exit status."""
    parser = argparse.ArgumentParser(prog="bench_nvidia", description=__doc__)
    parser.add_argument("--seeds", type=int, default=_SEEDS, help="fewer write no page")
    seeds = parser.parse_args().seeds
    python = dynamo_python()
    if python is None:
        say("set PD_DYNAMO_PYTHON to a Python that has ai-dynamo: scripts/install_dynamo.sh VENV")
        return 2
    found: dict[Play, list[Outcome]] = {}
    with ProcessPoolExecutor(os.cpu_count() or 1) as pool:
        for play in PLAYS:
            one_of = partial(tried, play.figure, python=python)
            found[play] = list(pool.map(one_of, range(seeds)))
            for seed, one in enumerate(found[play]):
                say(f"{play.figure} {seed}: {one.share:.1%} at {one.gpu_hours:.2f} GPU-hours")
    if seeds >= _SEEDS:
        write_document(found)
    return write("nvidia", [one for play in PLAYS for one in figures(play, found[play])])


if __name__ == "__main__":
    sys.exit(main())
