"""From the wanted number of workers to the next safe steps, as plain values.

Up is at once. Down is a drain: take the worker with the least work out of the worker table, wait
until its engine has said twice that it is idle, make it the ReplicaSet's cheapest pod to delete,
and only then lower the replicas, once a worker, and only while the pod that will go is the one
that was drained. Where that changes before Kubernetes' controllers have acted, the replicas are
raised again. Each tick looks at what is there and names the next steps, so a crash between two
steps loses nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from pd_operator.actuation.deletion_order import deletion_order, would_go
from pd_operator.scaling.observation import Known, PoolObservation, WorkerObservation

IDLE_CONFIRMATION_SECONDS = 1.0
"""Idle is believed when two snapshots of the engine, so far apart, say it."""

ROUTER_NOTICES_SECONDS = 1.0
"""A router sends nothing more to a worker so long after it was taken off traffic: three times what
was measured (0.35 s with smg 1.13)."""

UNREADY_PATIENCE_SECONDS = 60.0
"""A worker not Ready for longer is the next to go, as the ReplicaSet has it; until then it is
waited for. Three failures of the liveness probe, after which the engine restarts, take as long."""


@dataclass(frozen=True)
class TakeOffTraffic:
    """Stop sending requests to `worker`, from `now` on; it must be idle by `deadline` (Unix s)."""

    worker: str
    now: float
    deadline: float


@dataclass(frozen=True)
class PutOnTraffic:
    """`worker` serves again: the drain is called off."""

    worker: str


@dataclass(frozen=True)
class TakeBack:
    """`worker` was to go and stays: others, of which `gone` still end, went in its place."""

    worker: str
    gone: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recall:
    """`worker` counts as gone while replicas are no higher than this: they are raised again.

    It may go all the same, or stay: a ReplicaSet controller that is late has not said yet.
    """

    worker: str
    replicas: int


@dataclass(frozen=True)
class NoteIdle:
    """Write on `worker` since when it is idle (Unix seconds), or that it is not (`None`)."""

    worker: str
    since: float | None


@dataclass(frozen=True)
class ReportOverdue:
    """`worker` still has requests past its deadline, and is waited for."""

    worker: str


@dataclass(frozen=True)
class ReportWaiting:
    """The pool is larger than wanted, and nobody can go now: `why`, of `worker` where it is one."""

    why: str
    worker: str = ""


@dataclass(frozen=True)
class SetReplicas:
    """Set the pool's replicas; `victims` first become the cheapest pods to delete.

    `spared`: raised again for these, which lost readiness and would have gone undrained;
    `replaced`: for so many new ones, made for drained ones that somebody deleted by hand.
    """

    replicas: int
    victims: tuple[str, ...] = ()
    overdue: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()
    replaced: int = 0


Step = (
    TakeOffTraffic
    | PutOnTraffic
    | TakeBack
    | Recall
    | NoteIdle
    | ReportOverdue
    | ReportWaiting
    | SetReplicas
)


@dataclass(frozen=True)
class DrainRules:
    """How long a drain may take, and whether it `waits` after that or cuts requests off."""

    deadline_seconds: float
    waits: bool = False


@dataclass(frozen=True)
class PoolTarget:
    """A pool as it is, and the workers it shall have, at `now` (Unix seconds).

    `first` go before others, those in `kept` stay: they are to have the other role.
    """

    pool: PoolObservation
    desired: int
    now: float
    rules: DrainRules
    first: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()


def next_steps(target: PoolTarget) -> list[Step]:
    """The steps to take now; empty where the pool is as wanted, or must be waited for."""
    pool = target.pool
    removed = [worker for worker in pool.live if pool.is_removed(worker)]
    if removed and pool.complete:
        more = target.desired > pool.replicas
        return take_back(pool, removed) + [SetReplicas(target.desired)] * more
    if steps := _raise_again(target, removed):
        return steps
    if target.desired < pool.replicas and not pool.rolling_out:
        return _scale_down(target)
    steps = call_off(pool, pool.drains)
    if target.desired > pool.replicas:
        steps += [Recall(worker.name, target.desired) for worker in removed]
        steps.append(SetReplicas(target.desired))
    return steps


def let_go(pool: PoolObservation) -> list[Step]:
    """The steps where nothing may be scaled: the operator's own drains are called off.

    A worker that somebody else took off traffic stays so, and one that changes its role goes on;
    one that the replicas were lowered for goes, whenever that happens.
    """
    removed = [worker for worker in pool.live if pool.is_removed(worker)]
    if removed and pool.complete:
        return take_back(pool, removed)
    begun = [
        worker
        for worker in pool.drains
        if (worker.drain_started is not None or worker.replicas_without is not None)
        and not worker.switching
    ]
    return call_off(pool, begun)


def take_back(pool: PoolObservation, removed: Sequence[WorkerObservation]) -> list[Step]:
    """Workers that were to go and stay: recalled, or another went in their place."""
    gone = tuple(w.name for w in pool.workers if w.terminating and w.replicas_without is None)
    return [
        PutOnTraffic(worker.name) if worker.drain_started is None else TakeBack(worker.name, gone)
        for worker in removed
    ]


def _raise_again(target: PoolTarget, removed: Sequence[WorkerObservation]) -> list[Step]:
    """Where a worker has lost readiness since replicas were lowered, and would go undrained.

    The drained one then waits, as it would have before. An engine that has crashed holds no request
    and may go in its place.
    """
    pool = target.pool
    if replaced := _replaced(pool, removed):
        return [SetReplicas(max(pool.replicas + replaced, target.desired), replaced=replaced)]
    excess = len(pool.live) - pool.replicas
    ours = any(worker.replicas_without == pool.replicas for worker in removed)
    if excess <= 0 or not ours or pool.rolling_out:
        return []
    empty = [worker for worker in pool.live if not worker.started and not worker.ready]
    may_go = {worker.name for worker in (*removed, *empty)}
    order = deletion_order(pool.live, may_go)
    spared = tuple(name for name in order[:excess] if name not in may_go)
    replicas = len(order) - sum(1 for _ in takewhile(lambda name: name in may_go, order))
    if not spared or target.desired >= replicas:
        return []
    return [SetReplicas(replicas, spared=spared)]


def _replaced(pool: PoolObservation, removed: Sequence[WorkerObservation]) -> int:
    """Pods made in the place of drained ones that somebody deleted before the controllers acted.

    The ReplicaSet had not heard of the lower number. When it does, it removes one of all that are
    there: the new one while that starts, one with requests as soon as it is ready.
    """
    by_hand = [w for w in pool.workers if w.terminating and w.replicas_without == pool.replicas]
    if not by_hand or pool.rolling_out:
        return 0
    return max(0, min(len(by_hand), len(pool.live) - pool.replicas - len(removed)))


def call_off(pool: PoolObservation, drains: Sequence[WorkerObservation]) -> list[Step]:
    """Put workers back; one that replicas were perhaps lowered for, only when it surely stays."""
    return [
        PutOnTraffic(worker.name)
        for worker in drains
        if worker.half_switched is None and (worker.replicas_without is None or pool.settled)
    ]


def _scale_down(target: PoolTarget) -> list[Step]:
    pool = target.pool
    members = [worker for worker in pool.live if not pool.is_removed(worker)]
    excess = pool.replicas - target.desired
    missing = min(excess, max(0, pool.replicas - len(members)))
    never_started = [
        worker
        for worker in members
        if (not worker.started and not worker.ready) or worker.half_switched is not None
    ]
    order = would_go(never_started, [worker.name for worker in never_started])
    unused = order[: excess - missing]
    drains = _choose(target, members, excess - missing - len(unused))
    names = {worker.name for worker in drains}
    surplus = [worker for worker in pool.drains if worker.name not in {*names, *unused}]
    steps = call_off(pool, surplus)
    steps += drain_steps(target, drains)
    if pool.settled and len(pool.live) <= pool.replicas:
        steps += _lower(target, members, missing, unused, drains)
    return steps


def _choose(
    target: PoolTarget, members: Sequence[WorkerObservation], count: int
) -> list[WorkerObservation]:
    """The workers to drain: the lost, the drains nearest to their end, then the least work.

    As many serving workers as are wanted always stay, and at least one.
    """
    lost = [worker for worker in members if _lost(worker)]
    begun = [
        worker for worker in members if worker.draining and worker.started and worker not in lost
    ]
    begun.sort(key=lambda worker: (worker.idle_since is None, worker.work, worker.name))
    serving = sorted(
        (worker for worker in members if worker.serving),
        key=lambda worker: (worker.name not in target.first, worker.work, worker.name),
    )
    spare = max(0, len(serving) - max(1, target.desired))
    may_go = [worker for worker in serving if worker.name not in target.kept]
    return [*lost, *begun, *may_go[:spare]][:count]


def _lost(worker: WorkerObservation) -> bool:
    return (
        worker.started and not worker.ready and worker.unready_seconds >= UNREADY_PATIENCE_SECONDS
    )


def drain_steps(target: PoolTarget, drains: Sequence[WorkerObservation]) -> list[Step]:
    """Take these workers off traffic, and write down what they say of their work."""
    return [*_take_off(target, drains), *_notes(target, drains)]


def _take_off(target: PoolTarget, drains: Sequence[WorkerObservation]) -> list[Step]:
    deadline = target.now + target.rules.deadline_seconds
    return [
        TakeOffTraffic(worker.name, target.now, deadline)
        for worker in drains
        if worker.traffic or worker.drain_deadline is None
    ]


def _notes(target: PoolTarget, drains: Sequence[WorkerObservation]) -> list[Step]:
    steps: list[Step] = []
    for worker in drains:
        idle = is_idle(worker, target.now)
        if not worker.traffic and idle and worker.idle_since is None:
            steps.append(NoteIdle(worker.name, published_seconds(worker, target.now)))
        elif not idle and worker.idle_since is not None:
            steps.append(NoteIdle(worker.name, None))
        if (
            target.rules.waits
            and _overdue(worker, target.now)
            and not is_confirmed_idle(worker, target.now)
        ):
            steps.append(ReportOverdue(worker.name))
    return steps


def _lower(
    target: PoolTarget,
    members: Sequence[WorkerObservation],
    missing: int,
    unused: Sequence[str],
    drains: Sequence[WorkerObservation],
) -> list[Step]:
    """Lower the replicas by pods that are not there, and by those that surely go and may."""
    done = {worker.name: worker for worker in drains if is_drained(worker, target)}
    victims = would_go(members, [*unused, *done])
    if not missing and not victims:
        return []
    overdue = [
        name for name in victims if name in done and not is_confirmed_idle(done[name], target.now)
    ]
    replicas = target.pool.replicas - missing - len(victims)
    return [SetReplicas(replicas, tuple(victims), tuple(overdue))]


def published_seconds(worker: WorkerObservation, now: float) -> float | None:
    """When the engine wrote down what it answered (Unix seconds)."""
    return now - worker.load.age_seconds if isinstance(worker.load, Known) else None


def is_idle(worker: WorkerObservation, now: float) -> bool:
    """Whether the engine says so of a time when nothing more was sent to it."""
    published = published_seconds(worker, now)
    if published is None or not worker.idle:
        return False
    began = worker.drain_started
    return began is None or published >= began + ROUTER_NOTICES_SECONDS


def is_confirmed_idle(worker: WorkerObservation, now: float) -> bool:
    """Whether it has said so twice."""
    published, since = published_seconds(worker, now), worker.idle_since
    if published is None or since is None or not is_idle(worker, now):
        return False
    return published - since >= IDLE_CONFIRMATION_SECONDS


def _overdue(worker: WorkerObservation, now: float) -> bool:
    return worker.drain_deadline is not None and now >= worker.drain_deadline


def is_drained(worker: WorkerObservation, target: PoolTarget) -> bool:
    """Whether a worker off traffic may go: surely idle, or past its deadline where that cuts."""
    cut = _overdue(worker, target.now) and not target.rules.waits
    return not worker.traffic and (is_confirmed_idle(worker, target.now) or cut)
