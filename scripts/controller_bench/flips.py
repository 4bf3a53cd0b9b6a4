"""Workers that change their role to and fro, three at a time, under a steady load of streams."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from kubernetes import client
from scripts.controller_bench.idle_watch import IdleWatch
from scripts.controller_bench.load import Outcome, steady_load
from scripts.controller_bench.router_watch import RouterWatch
from scripts.controller_bench.stage import Stage
from tests.integration.operator.service import RunningService

from pd_e2e.cluster.waiting import eventually
from pd_operator.api.roles import Role
from pd_operator.scaling.loans import SHORTEST_LOAN_SECONDS

AT_ONCE = 3
"""Workers that change their role together: so many a tick may leave a pool in this service."""

STAYS_AS_PREFILL = 2
"""A pod with an IPv4 address is a prefill under two names, each for one stay."""

PER_SERVICE = 2 * STAYS_AS_PREFILL * AT_ONCE
"""Decodes go and come home so often; then another service has its turn, as it would within the
hour that flips are counted over."""


@dataclass(frozen=True)
class Flipped:
    """One change of role: seconds from its decision to traffic in the new role.

    `idle_wait`: those of them in which the engine still had requests.
    """

    seconds: float
    idle_wait: float


def flip(stage: Stage, count: int) -> tuple[list[Flipped], Outcome]:
    """Change roles, `count` of them at least."""
    seconds: list[Flipped] = []
    outcome = Outcome()
    while len(seconds) < count:
        with stage.service(
            prefill={"maxReplicas": 1 + AT_ONCE},
            decode={"minReplicas": 1 + AT_ONCE, "maxReplicas": 1 + AT_ONCE},
            autoscaling={"roleFlips": "Enabled"},
        ) as chat:
            wanted = min(PER_SERVICE, count - len(seconds))
            with steady_load(stage, chat, outcome), RouterWatch(chat.router_url) as watch:
                eventually(lambda: chat.status.forecast is not None, timeout_seconds=120)
                # Until then all were held; the scale-down window of 4 s forgets that.
                stage.operator.await_ticks(chat.namespace, 4)
                addresses = _addresses(chat)
                with IdleWatch(addresses) as idle:
                    seconds += _to_and_fro(stage, chat, addresses, (watch, idle), wanted)
    return seconds, outcome


def _addresses(chat: RunningService) -> dict[str, str]:
    """Pod IPs of all workers."""
    return {name: pod["status"]["podIP"] for role in Role for name, pod in chat.pods(role).items()}


def _to_and_fro(
    stage: Stage,
    chat: RunningService,
    addresses: Mapping[str, str],
    watches: tuple[RouterWatch, IdleWatch],
    count: int,
) -> Iterator[Flipped]:
    watch, idle = watches
    taker, done, told = Role.PREFILL, 0, 0
    while done < count:
        least = {taker: 1 + AT_ONCE, taker.other: 1}
        chat.edit(**{role.value: {"minReplicas": number} for role, number in least.items()})
        chat.await_workers(**{role.value: number for role, number in least.items()})
        decisions = _decisions(stage, chat)[told:]
        for worker, decided in decisions:
            # The watch may not have looked yet at the list that has just been waited for.
            served = partial(_served, watch, worker, addresses[worker], taker, decided)
            at = eventually(served)
            yield Flipped(at - decided, idle.wait_seconds(worker, decided, at))
        done, told, taker = done + len(decisions), told + len(decisions), taker.other
        if done < count:
            # A worker that goes home sooner answers nothing but chance: see `scaling.loans`.
            time.sleep(SHORTEST_LOAN_SECONDS + 2)


def _served(watch: RouterWatch, worker: str, pod_ip: str, role: Role, decided: float) -> float:
    """When a worker first had the role after the decision (Unix seconds)."""
    served = watch.serves_since(pod_ip, role.value, decided)
    if served is None:
        raise AssertionError(f"{worker} never served as {role}")
    return served


def _decisions(stage: Stage, chat: RunningService) -> list[tuple[str, float]]:
    """Worker and time (Unix seconds) of each flip that was begun, by the operator's own Events."""
    found = client.CoreV1Api(stage.control_plane.admin).list_namespaced_event(
        chat.namespace, field_selector="reason=SwitchingRole"
    )
    begun = [
        (event.message.split()[0], event.event_time.timestamp())
        for event in found.items
        if event.message and event.event_time
    ]
    return sorted(begun, key=lambda one: one[1])
