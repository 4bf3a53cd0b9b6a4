"""Whether all is as it should be: routers, workers, metrics and the operator's ticks."""

from collections.abc import Callable, Sequence
from functools import partial

from scripts.chaos.loads import Client
from scripts.chaos.world import World, routed_by

from pd_e2e.cluster.waiting import eventually
from pd_operator.api.conditions import ConditionType

PATIENCE_SECONDS = 120.0
"""Four times the goal; a machine that is crowded waits for longer (see `eventually`)."""

Counts = dict[str, int]


class NotWholeError(AssertionError):
    """Something is not as it should be."""


def await_whole(
    world: World,
    clients: Sequence[Client],
    wanted: Counts,
    since: float,
    replaced: Callable[[], bool] = lambda: True,
) -> str:
    """Wait until `wanted` workers serve, and the operator has ticked, after `since` (Unix seconds).

    What was struck must have been `replaced`. Returns what was waited for last, in words, empty
    where nothing was; `DeadlineExceededError` where it does not come.
    """
    answered = {client.url: eventually(partial(_finished, client)) for client in clients}
    last = ""

    def whole() -> bool:
        nonlocal last
        try:
            if not replaced():
                raise NotWholeError("what was struck is not replaced")
            for client in clients:
                _serves(client, wanted, answered[client.url])
            _acts(world, since)
        except Exception as error:
            last = str(error)
            raise
        return True

    eventually(whole, PATIENCE_SECONDS, poll_seconds=0.3)
    return last


def _finished(client: Client) -> int:
    return client.finished


def _serves(client: Client, wanted: Counts, answered: int) -> None:
    roles = list(routed_by(client.url).values())
    if {role: roles.count(role) for role in wanted} != wanted:
        raise NotWholeError(f"{client.url} has the workers {sorted(roles)}")
    if client.finished <= answered:
        raise NotWholeError(f"{client.url} has answered nothing more")


def _acts(world: World, since: float) -> None:
    for kind in (ConditionType.READY, ConditionType.METRICS_AVAILABLE):
        found = world.chat.condition(kind)
        if found.status != "True":
            raise NotWholeError(f"{kind} is {found.status}, {found.reason}: {found.message}")
    namespace = world.chat.namespace
    ticked = world.operator.metric("last_tick_timestamp_seconds", namespace=namespace)
    if ticked <= since:
        raise NotWholeError(f"the last tick was {since - ticked:.1f} s before")
