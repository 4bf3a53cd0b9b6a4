"""From the wanted number of workers to the next safe steps, as plain values.

Up is at once. Down is a drain: take the worker with the least work out of the
worker table, wait until its engine has said twice that it is idle, make it the
ReplicaSet's cheapest pod to delete, and only then lower the replicas. Each
tick looks at what is there and names the next steps, so a crash between two
steps loses nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pd_operator.scaling.observation import WorkerObservation

IDLE_CONFIRMATION_SECONDS = 1.0
"""An engine publishes its load every few steps: idle is believed when it holds this long."""


@dataclass(frozen=True)
class TakeOffTraffic:
    """Stop sending requests to `worker`; it must be idle by `deadline` (Unix seconds)."""

    worker: str
    deadline: float


@dataclass(frozen=True)
class PutOnTraffic:
    """`worker` serves again: the drain is called off."""

    worker: str


@dataclass(frozen=True)
class NoteIdle:
    """Write on `worker` since when it is idle (Unix seconds), or that it is not (`None`)."""

    worker: str
    since: float | None


@dataclass(frozen=True)
class SetReplicas:
    """Set the pool's replicas; `victims` first become the cheapest pods to delete."""

    replicas: int
    victims: tuple[str, ...] = ()
    overdue: tuple[str, ...] = ()


Step = TakeOffTraffic | PutOnTraffic | NoteIdle | SetReplicas


@dataclass(frozen=True)
class PoolTarget:
    """Where a pool stands (`replicas`) and should go (`desired`), at `now` (Unix seconds)."""

    replicas: int
    desired: int
    now: float
    drain_deadline_seconds: float


def next_steps(target: PoolTarget, workers: Sequence[WorkerObservation]) -> list[Step]:
    """The steps to take now; empty where the pool is as wanted.

    `workers` are all of the pool; one that is being deleted is past every step.
    """
    workers = [worker for worker in workers if not worker.terminating]
    draining = [worker for worker in workers if worker.draining]
    if target.desired >= target.replicas:
        steps: list[Step] = [PutOnTraffic(worker.name) for worker in draining]
        if target.desired > target.replicas:
            steps.append(SetReplicas(target.desired))
        return steps
    return _scale_down(target, workers, draining)


def _scale_down(
    target: PoolTarget, workers: Sequence[WorkerObservation], draining: Sequence[WorkerObservation]
) -> list[Step]:
    excess = target.replicas - target.desired
    unused = [worker for worker in workers if not worker.started and not worker.ready][:excess]
    to_drain = excess - len(unused)
    kept, surplus = _split(draining, to_drain)
    steps: list[Step] = [PutOnTraffic(worker.name) for worker in surplus]
    steps += _take_off(target, workers, to_drain - len(kept))
    steps += _notes(target, kept)
    done = [worker for worker in kept if _drained(worker, target.now)]
    victims = [worker.name for worker in (*unused, *done)]
    if victims:
        overdue = tuple(worker.name for worker in done if not _confirmed_idle(worker, target.now))
        steps.append(SetReplicas(target.replicas - len(victims), tuple(victims), overdue))
    return steps


def _split(
    draining: Sequence[WorkerObservation], wanted: int
) -> tuple[list[WorkerObservation], list[WorkerObservation]]:
    """The drains to continue, those nearest to their end first, and those to call off."""
    ordered = sorted(draining, key=lambda worker: (worker.idle_since is None, worker.work))
    return ordered[:wanted], ordered[wanted:]


def _take_off(target: PoolTarget, workers: Sequence[WorkerObservation], count: int) -> list[Step]:
    """Choose the serving workers with the least work; as many as are wanted always stay."""
    serving = sorted(
        (worker for worker in workers if worker.ready and not worker.draining),
        key=lambda worker: (worker.work, worker.name),
    )
    spare = max(0, len(serving) - max(1, target.desired))
    deadline = target.now + target.drain_deadline_seconds
    return [TakeOffTraffic(worker.name, deadline) for worker in serving[: min(count, spare)]]


def _notes(target: PoolTarget, draining: Sequence[WorkerObservation]) -> list[Step]:
    steps: list[Step] = []
    for worker in draining:
        if worker.idle and worker.idle_since is None:
            steps.append(NoteIdle(worker.name, target.now))
        elif not worker.idle and worker.idle_since is not None:
            steps.append(NoteIdle(worker.name, None))
    return steps


def _confirmed_idle(worker: WorkerObservation, now: float) -> bool:
    since = worker.idle_since
    return worker.idle and since is not None and now - since >= IDLE_CONFIRMATION_SECONDS


def _drained(worker: WorkerObservation, now: float) -> bool:
    deadline = worker.drain_deadline
    return _confirmed_idle(worker, now) or (deadline is not None and now >= deadline)
