"""When a rollout has to make room for itself: its new worker finds no node beside the old ones."""

from pd_operator.api.roles import Role
from pd_operator.scaling.observation import Observation, PoolObservation

ROOM_PATIENCE_SECONDS = 60.0
"""A node that an autoscaler adds takes minutes; room that a worker on its way out leaves, less."""


def pools_that_make_room(seen: Observation, before: frozenset[Role]) -> frozenset[Role]:
    """The pools whose rollout shall take an old worker away before the new one is ready.

    Once begun, until the rollout ends; and never the last worker that serves.
    """
    return frozenset(role for role in Role if _makes_room(seen.pool(role), begun=role in before))


def _makes_room(pool: PoolObservation, *, begun: bool) -> bool:
    return pool.rolling_out and pool.ready >= 2 and (begun or _waits_for_room(pool))


def _waits_for_room(pool: PoolObservation) -> bool:
    return any(
        worker.starting and not worker.scheduled and worker.age_seconds >= ROOM_PATIENCE_SECONDS
        for worker in pool.workers
    )
