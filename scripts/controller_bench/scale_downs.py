"""Decodes that drain and go, three at a time, under a steady load of streams."""

from scripts.controller_bench.load import Outcome, steady_load
from scripts.controller_bench.stage import Stage
from tests.integration.operator.service import RunningService

from pd_e2e.cluster.waiting import eventually
from pd_operator.api.roles import Role

AT_ONCE = 3
"""Workers that drain together."""

PER_LOAD = 60
"""A load lasts a quarter of an hour at most; so many fit in."""


def scale_down(stage: Stage, count: int) -> tuple[int, Outcome]:
    """Remove `count` workers at least; how many those were."""
    done, outcome = 0, Outcome()
    while done < count:
        with stage.service() as chat, steady_load(stage, chat, outcome):
            for _ in range(0, min(PER_LOAD, count - done), AT_ONCE):
                _up_and_down(chat)
                done += AT_ONCE
    return done, outcome


def _up_and_down(chat: RunningService) -> None:
    many, few = ({"minReplicas": n, "maxReplicas": n} for n in (1 + AT_ONCE, 1))
    chat.edit(decode=many)
    chat.await_workers(prefill=1, decode=1 + AT_ONCE)
    chat.edit(decode=few)
    eventually(lambda: chat.replicas(Role.DECODE) == len(chat.pods(Role.DECODE)) == 1)
    chat.await_workers(prefill=1, decode=1)
