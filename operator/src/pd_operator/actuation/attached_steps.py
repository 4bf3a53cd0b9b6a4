"""The next safe steps of a pool that other hands made: a number is lowered only where nothing goes.

Which pod goes when the number falls is the workload's to say: a Deployment's ReplicaSet goes by
deletion cost, a StatefulSet takes the highest ordinal, and so does a LeaderWorkerSet, whose leaders
are the pods of one (Kubernetes 1.36); of any other kind nobody knows. Where a router of ours is in
front, that worker drains. Where not, nothing keeps requests from it: it goes only once it has said
twice that it is idle, and what comes in that moment has the pod's own grace period.
"""

import re
from enum import StrEnum

from pd_operator.actuation.deletion_order import would_go
from pd_operator.actuation.steps import (
    NoteIdle,
    PoolTarget,
    ReportWaiting,
    SetReplicas,
    Step,
    call_off,
    drain_steps,
    is_confirmed_idle,
    is_drained,
    is_idle,
    next_steps,
    published_seconds,
    take_back,
)
from pd_operator.scaling.observation import PoolObservation, WorkerObservation


class Removal(StrEnum):
    """Which pod a workload takes away when its number falls by one."""

    CHEAPEST = "Cheapest"
    HIGHEST = "Highest"
    UNKNOWN = "Unknown"


REMOVALS = {
    "Deployment": Removal.CHEAPEST,
    "StatefulSet": Removal.HIGHEST,
    "LeaderWorkerSet": Removal.HIGHEST,
}
"""By kind; of any other it is unknown."""

_ORDINAL = re.compile(r"-(\d+)$")


def attached_steps(target: PoolTarget, removal: Removal, *, routed: bool) -> list[Step]:
    """The steps to take now; up at once, down by one worker at a time.

    `routed`: whether a router of ours sends the requests, so that a worker can be taken off.
    """
    if routed and removal is Removal.CHEAPEST:
        return next_steps(target)
    pool = target.pool
    removed = [worker for worker in pool.live if pool.is_removed(worker)]
    if removed and pool.complete:
        return take_back(pool, removed)
    if target.desired < pool.replicas and not pool.rolling_out:
        return _scale_down(target, removal, routed=routed)
    more: list[Step] = [SetReplicas(target.desired)] if target.desired > pool.replicas else []
    noted = [worker for worker in pool.live if worker.traffic and worker.idle_since is not None]
    forgotten = [NoteIdle(worker.name, None) for worker in noted]
    return [*call_off(pool, pool.drains), *forgotten, *more]


def _scale_down(target: PoolTarget, removal: Removal, *, routed: bool) -> list[Step]:
    pool = target.pool
    acts = pool.settled and len(pool.live) <= pool.replicas
    missing = pool.replicas - len(pool.live)
    if missing > 0 and acts and removal is Removal.CHEAPEST:
        return [SetReplicas(max(target.desired, pool.replicas - missing))]
    victim = _victim(target, removal)
    if isinstance(victim, str):
        return [*call_off(pool, pool.drains), ReportWaiting(victim)]
    others = [worker for worker in pool.drains if worker is not victim]
    steps: list[Step] = [*call_off(pool, others)]
    if _is_empty(victim):
        done = True
    elif routed:
        steps += drain_steps(target, [victim])
        done = is_drained(victim, target)
    else:
        steps += _note(victim, target.now)
        done = is_confirmed_idle(victim, target.now)
        if not done and not victim.idle:
            steps.append(ReportWaiting(_busy(victim), victim.name))
    if done and acts:
        steps.append(SetReplicas(pool.replicas - 1, (victim.name,)))
    return steps


def _victim(target: PoolTarget, removal: Removal) -> WorkerObservation | str:
    """The worker that goes next, or why none may."""
    pool = target.pool
    members = [worker for worker in pool.live if not pool.is_removed(worker)]
    if removal is Removal.UNKNOWN:
        return "Nobody can say which pod goes when the number of this kind falls."
    worker = _highest(pool, members) if removal is Removal.HIGHEST else _cheapest(members)
    if isinstance(worker, str):
        return worker
    left = sum(other.serving for other in members if other is not worker)
    if worker.serving and left < max(1, target.desired):
        return f"{worker.name} goes next, and too few others serve."
    return worker


def _highest(pool: PoolObservation, members: list[WorkerObservation]) -> WorkerObservation | str:
    numbers = {worker.name: _ORDINAL.search(worker.name) for worker in members}
    if len(members) != pool.replicas or not all(numbers.values()):
        return "Pods are missing: the number may stand for one that serves."
    return max(members, key=lambda worker: int(numbers[worker.name][1]))  # type: ignore[index]


def _cheapest(members: list[WorkerObservation]) -> WorkerObservation | str:
    """One that holds no request where it would go first, else the one nearest to idle."""
    empty = [worker.name for worker in members if _is_empty(worker)]
    first = would_go(members, empty)
    if not first:
        candidates = [worker for worker in members if worker.serving]
        candidates.sort(key=lambda w: (w.idle_since is None, not w.idle, w.work, w.name))
        first = would_go(members, [worker.name for worker in candidates[:1]])
    if not first:
        return "A worker that is not ready, and may hold requests, would go first."
    return next(worker for worker in members if worker.name == first[0])


def _is_empty(worker: WorkerObservation) -> bool:
    """Whether its engine has not come up, so that it holds no request."""
    return not worker.started and not worker.ready


def _note(worker: WorkerObservation, now: float) -> list[Step]:
    idle = is_idle(worker, now)
    if idle == (worker.idle_since is not None):
        return []
    return [NoteIdle(worker.name, published_seconds(worker, now) if idle else None)]


def _busy(worker: WorkerObservation) -> str:
    return (
        f"{worker.name} goes next, and is not idle; no router of ours keeps requests from it, so "
        "it is waited for."
    )
