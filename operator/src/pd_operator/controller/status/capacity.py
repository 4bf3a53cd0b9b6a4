"""Whether the cluster gives the workers that were asked for; if not, why, in its own words."""

from collections import Counter
from collections.abc import Callable, Sequence

from pd_operator.api.conditions import ConditionReason
from pd_operator.api.roles import Role
from pd_operator.api.rollouts import RolloutStrategy
from pd_operator.controller.status.tick_result import TickResult
from pd_operator.controller.status.updates import ConditionUpdate, false, true
from pd_operator.scaling.observation import PoolObservation, WorkerObservation

STARTUP_PATIENCE = 2.0
"""A start-up may take so many times its expected seconds before it is called stuck."""

SCHEDULER_PATIENCE_SECONDS = 10.0
"""The scheduler looks at a new pod within a second or two, and says so where it finds no node."""

LACK_OF_GPUS = ("Insufficient", "cannot allocate all claims")
"""The scheduler's words for too few GPUs: by resource limits, and by resource claims."""


def capacity_available(result: TickResult) -> ConditionUpdate:
    """The cluster gives the workers that were asked for."""
    found = [
        (reason, sentence)
        for reason, tell in _TROUBLES.items()
        for role in Role
        if (sentence := tell(result, role))
    ]
    if found:
        return false(found[0][0], " ".join(sentence for _, sentence in found))
    return true(ConditionReason.ALL_SCHEDULED, _nothing_known_against(result))


def _nothing_known_against(result: TickResult) -> str:
    missing = sum(result.observation.pool(role).missing for role in Role)
    if not missing:
        return "Every worker that was asked for has a node."
    return f"No worker is known to wait for a node; {missing} are still to be made."


def _refused(result: TickResult, role: Role) -> str:
    pool = result.observation.pool(role)
    if not pool.refused:
        return ""
    if not pool.missing:
        return (
            f"Kubernetes refuses the new {role.value} pods of a rollout: {pool.refused}. Those of "
            "before stay. Look at the namespace's quotas and policies, or set "
            f"{role.value}.rolloutStrategy to Replace."
        )
    return (
        f"Kubernetes refuses pods, {_count(pool.missing, role)} missing: {pool.refused}. Look at "
        "the namespace's quotas and policies, or lower maxReplicas."
    )


def _unschedulable(result: TickResult, role: Role) -> str:
    waiting = [worker for worker in result.observation.pool(role).workers if _finds_no_node(worker)]
    if not waiting:
        return ""
    words = _commonest(waiting) or "the scheduler has not said why"
    return (
        f"Waiting for a node, {_count(len(waiting), role)}: {words}. "
        f"{_advice(words, waiting, result)}"
    )


def _failing(result: TickResult, role: Role) -> str:
    broken = [worker for worker in result.observation.pool(role).workers if worker.failing]
    if not broken:
        return ""
    return (
        f"Not running, {_count(len(broken), role)}: {_commonest(broken)}. {_look_at(broken)}, and "
        "the log of the container."
    )


def _late(result: TickResult, role: Role) -> str:
    expected = result.service.spec.pool(role).expected_startup_seconds
    late = [
        worker
        for worker in result.observation.pool(role).workers
        if worker.late(STARTUP_PATIENCE * expected) and not worker.failing
    ]
    if not late:
        return ""
    return (
        f"Not ready long after the expected {expected} s, {_count(len(late), role)}. "
        f"{_look_at(late)} and its log, or raise expectedStartupSeconds."
    )


_TROUBLES: dict[ConditionReason, Callable[[TickResult, Role], str]] = {
    ConditionReason.WORKERS_REFUSED: _refused,
    ConditionReason.WORKERS_FAILING: _failing,
    ConditionReason.WORKERS_UNSCHEDULABLE: _unschedulable,
    ConditionReason.WORKERS_NOT_STARTING: _late,
}
"""The first that is found gives the condition its reason; all are told.

What only its owner can mend goes before what time may: a node may still come, an image will not.
"""


def _finds_no_node(worker: WorkerObservation) -> bool:
    asked = bool(worker.waiting_reason) or worker.age_seconds > SCHEDULER_PATIENCE_SECONDS
    return worker.unschedulable and asked


def _advice(words: str, waiting: Sequence[WorkerObservation], result: TickResult) -> str:
    if not any(lack in words for lack in LACK_OF_GPUS):
        return f"{_look_at(waiting)}."
    leaving = sum(result.observation.pool(role).leaving for role in Role)
    if leaving:
        return f"{leaving} workers on their way out still hold GPUs."
    role = waiting[0].role
    pool = result.observation.pool(role)
    if pool.rolling_out:
        return f"A rollout waits, not the load: {_makes_room(result, pool)}"
    return "Add GPU nodes or lower maxReplicas."


def _makes_room(result: TickResult, pool: PoolObservation) -> str:
    strategy = result.service.spec.pool(pool.role).rollout_strategy
    if strategy is RolloutStrategy.AUTO and pool.ready > 1:
        return "an old worker makes room for the new one."
    return f"add a GPU node, or set {pool.role.value}.rolloutStrategy to Replace."


def _count(workers: int, role: Role) -> str:
    return f"{workers} {role.value} worker" if workers == 1 else f"{workers} {role.value} workers"


def _commonest(workers: Sequence[WorkerObservation]) -> str:
    """What is said of most of them."""
    return Counter(worker.waiting_reason for worker in workers).most_common(1)[0][0]


def _look_at(workers: Sequence[WorkerObservation]) -> str:
    return f"See `kubectl describe pod {workers[0].name}`"
