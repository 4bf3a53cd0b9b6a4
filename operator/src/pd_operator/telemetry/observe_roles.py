"""From the pools as Deployments count them to the pools by role: what loans make of them."""

from dataclasses import replace

from pd_operator.api.roles import Role
from pd_operator.scaling.observation import PoolObservation, WorkerObservation


def pools_by_role(
    prefill: PoolObservation, decode: PoolObservation
) -> tuple[PoolObservation, PoolObservation]:
    """The workers that have each role, and the replicas that this comes to."""
    return _by_role(Role.PREFILL, prefill, decode), _by_role(Role.DECODE, decode, prefill)


def _by_role(role: Role, own: PoolObservation, other: PoolObservation) -> PoolObservation:
    borrowed = _counted(other, role)
    lent = _counted(own, role.other)
    replicas = max(0, own.replicas - lent + borrowed)
    workers = sorted(
        (
            _recounted(worker, replicas - pool.replicas)
            for pool in (own, other)
            for worker in pool.workers
            if worker.role is role
        ),
        key=lambda worker: worker.name,
    )
    settled = own.settled and (other.settled or not (lent or borrowed))
    return replace(own, replicas=replicas, workers=tuple(workers), settled=settled)


def _counted(pool: PoolObservation, role: Role) -> int:
    """Members of a pool that have a role and are among its replicas."""
    return sum(worker.role is role and not pool.is_removed(worker) for worker in pool.live)


def _recounted(worker: WorkerObservation, more: int) -> WorkerObservation:
    """The worker with the number it was removed at counted as its new pool counts."""
    if worker.replicas_without is None:
        return worker
    return replace(worker, replicas_without=worker.replicas_without + more)
