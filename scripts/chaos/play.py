"""One fault from its beginning until all is as before."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from kubernetes.client.exceptions import ApiException
from scripts.chaos.faults import Fault
from scripts.chaos.loads import Client
from scripts.chaos.wholeness import Counts, await_whole
from scripts.chaos.world import Hit, World
from urllib3.exceptions import HTTPError

from pd_e2e.cluster.commands import CommandError
from pd_e2e.cluster.waiting import DeadlineExceededError
from pd_operator.api.roles import Role

LOOK_SECONDS = 1.0
SHRINKING = "ScalingDown"


@dataclass(frozen=True)
class Played:
    """What a fault did. Times are Unix seconds; `recovered` is infinite where it did not.

    `scaled_down`: what shrank meanwhile, in words. `remark`: what was waited for last.
    """

    fault: Fault
    hit: Hit
    struck: float
    mended: float
    recovered: float
    scaled_down: tuple[str, ...]
    remark: str = ""

    @property
    def recovery_seconds(self) -> float:
        """From the end of the fault until all was as before."""
        return self.recovered - self.mended


def calm(world: World, clients: Sequence[Client], wanted: Counts) -> None:
    """Wait until everything serves, before the next fault."""
    await_whole(world, clients, wanted, time.time())


def play(
    world: World, clients: Sequence[Client], wanted: Counts, fault: Fault, seconds: float
) -> Played:
    """Strike, hold for so long, mend, and wait until `wanted` workers serve again.

    What is restarted by itself is waited for at once; the rest of the time it is watched.
    """
    before = _replicas(world)
    told = len(world.chat.events(SHRINKING))
    shrunk: set[str] = set()
    struck = time.time()
    with fault.strike(world) as hit:
        if fault.lasts:
            _hold(world, before, shrunk, struck + seconds)
    mended = time.time() if fault.lasts else struck
    try:
        # What hung for long may have been replaced by its kubelet, or not.
        replaced = (lambda: True) if fault.lasts else hit.replaced
        remark = await_whole(world, clients, wanted, mended, replaced)
        recovered = time.time()
    except DeadlineExceededError as error:
        recovered, remark = float("inf"), str(error)
    _hold(world, before, shrunk, struck + seconds)
    shrunk |= set(world.chat.events(SHRINKING)[told:])
    return Played(fault, hit, struck, mended, recovered, tuple(sorted(shrunk)), remark)


def _replicas(world: World) -> dict[Role, int]:
    return {role: world.chat.replicas(role) for role in Role}


def _hold(world: World, before: dict[Role, int], shrunk: set[str], until: float) -> None:
    """Watch the numbers of workers until then; an API server that is away tells nothing."""
    while time.time() < until:
        with suppress(CommandError, ApiException, HTTPError):
            for role, replicas in _replicas(world).items():
                if replicas < before[role]:
                    shrunk.add(f"{role} {before[role]} -> {replicas}")
        time.sleep(LOOK_SECONDS)
