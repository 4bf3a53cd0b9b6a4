"""`make chaos`: API server, Prometheus, router, engine, node and operator fail, under load.

Each is killed, hangs (SIGSTOP) and is restarted, one after the other, in an order by chance, while
two routers of a service get a steady load. Then the operator's leader is killed in the midst of
flips and drains, and two leaders are played over partitions.

    CHAOS_SECONDS      how long a fault lasts, and is watched (15; 120 are two minutes)
    CHAOS_FAULTS       only these, as `engine,node hung` (all)
    CHAOS_SEED         of victims, order and moments (1)
    CHAOS_PARTITIONS   orders of partitions (40)
"""

import asyncio
import os
import random
import sys
import time
from collections.abc import Sequence

from rich.console import Console
from scripts.bench_format import Figure, write
from scripts.chaos.costs import Costs, costs_of
from scripts.chaos.crashes import Crashes, crash_in_their_midst
from scripts.chaos.faults import Fault, chosen
from scripts.chaos.partitions import play_partitions
from scripts.chaos.play import Played, calm, play
from scripts.chaos.stage import WANTED, Stage, stage
from scripts.chaos.table import table_of
from tests.contract.leadership.partitioned import Orders
from tests.property.actuation.modeled_flip import illegal_crash_points

SECONDS = float(os.environ.get("CHAOS_SECONDS", "15"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
NAMES = os.environ.get("CHAOS_FAULTS", "")
PARTITIONS = int(os.environ.get("CHAOS_PARTITIONS", "40"))

SHORT_GRACE_SECONDS, USUAL_GRACE_SECONDS = 8, 40
"""A node that is silent for so long is NotReady; short faults would not be noticed else."""

PATIENCE_SECONDS = 120.0
"""Beside a fault itself, for one that recovers as late as is waited for."""


def main() -> int:
    """Play all, write `build/bench/chaos.json`; returns the exit status."""
    console = Console()
    faults = list(chosen(NAMES))
    random.Random(SEED).shuffle(faults)  # noqa: S311  an order, no secret
    grace = SHORT_GRACE_SECONDS if SECONDS < 2 * USUAL_GRACE_SECONDS else USUAL_GRACE_SECONDS
    longest = len(faults) * (SECONDS + PATIENCE_SECONDS) + 600
    with stage(SEED, grace, longest) as running:
        played = _play(running, faults, console)
        crashes = crash_in_their_midst(running, console.print)
        console.print(f"{PARTITIONS} orders of partitions between two leaders")
        orders = play_partitions(running.world.control_plane, SEED, PARTITIONS)
        wrong = crashes.wrong_victims + len(running.world.chat.events("OtherWorkerRemoved"))
        requests = sum(client.finished for client in running.clients)
    costs = costs_of(played, running.clients)
    _, illegal = asyncio.run(illegal_crash_points())
    console.print(table_of(zip(played, costs, strict=True)))
    _explain(console, played, costs, crashes, illegal)
    return write("chaos", _figures(played, costs, crashes, orders, illegal, wrong, requests))


def _play(running: Stage, faults: Sequence[Fault], console: Console) -> list[Played]:
    played, began = [], time.monotonic()
    for number, fault in enumerate(faults, start=1):
        calm(running.world, running.clients, WANTED)
        console.print(f"{time.monotonic() - began:5.0f} s  {number}/{len(faults)}  {fault}")
        one = play(running.world, running.clients, WANTED, fault, SECONDS)
        last = f"; waited last for: {one.remark}" if one.remark else ""
        console.print(f"         recovered in {one.recovery_seconds:.1f} s{last}", markup=False)
        played.append(one)
    return played


def _explain(
    console: Console,
    played: Sequence[Played],
    costs: Sequence[Costs],
    crashes: Crashes,
    illegal: Sequence[str],
) -> None:
    for one, cost in zip(played, costs, strict=True):
        for what in (*cost.lost[:5], *one.scaled_down):
            console.print(f"{one.fault}: {what}", markup=False)
    for what in (*crashes.illegal, *crashes.doubles, *crashes.lost[:5], *illegal[:5]):
        console.print(what, markup=False)


def _figures(
    played: Sequence[Played],
    costs: Sequence[Costs],
    crashes: Crashes,
    orders: Orders,
    illegal: Sequence[str],
    wrong_victims: int,
    requests: int,
) -> list[Figure]:
    lost = sum(len(cost.lost) for cost in costs) + len(crashes.lost)
    twice = len(orders.both) + len(orders.doubles) + len(crashes.doubles)
    recoveries = [one.recovery_seconds for one in played]
    return [
        Figure("faults", len(played), "faults", None, "higher"),
        Figure("requests", requests, "requests", None, "higher"),
        Figure("requests_lost", lost, "requests", 0),
        Figure("requests_cut", sum(cost.cut for cost in costs), "requests"),
        Figure("cut_seconds_max", max((c.cut_seconds for c in costs), default=0.0), "s"),
        Figure("scaled_down", sum(len(one.scaled_down) for one in played), "times", 0),
        Figure("recovery_seconds_max", max(recoveries, default=0.0), "s", 30.0),
        Figure("crash_points_illegal", len(illegal) + len(crashes.illegal), "points", 0),
        Figure("crash_recovery_seconds_max", max(crashes.seconds, default=0.0), "s", 30.0),
        Figure("partitions", PARTITIONS, "orders", None, "higher"),
        Figure("double_leader_actions", twice, "actions", 0),
        Figure("wrong_victims", wrong_victims, "workers", 0),
    ]


if __name__ == "__main__":
    sys.exit(main())
