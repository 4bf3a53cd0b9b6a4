"""From the workers wanted of each role to the replicas of each Deployment, with loans between them.

A worker on loan is a member of its home's Deployment. So a pool that borrows needs fewer members of
its own, and one that lends needs more; and a pool that shrinks gives up what it borrowed first.
"""

from dataclasses import dataclass

from pd_operator.api.roles import Role
from pd_operator.scaling.decision import Decision
from pd_operator.scaling.observation import Observation, PoolObservation, WorkerObservation


@dataclass(frozen=True)
class HomeTarget:
    """The members that a Deployment shall have; of them, who goes `first` and who is `kept`."""

    replicas: int
    first: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()


def home_targets(seen: Observation, decision: Decision) -> dict[Role, HomeTarget]:
    """What the decision asks of each Deployment, once its flips are done."""
    flipping = frozenset(flip.worker for flip in decision.flips)
    going, staying = {}, {}
    for role in Role:
        borrowed = _borrowed(role, seen, decision)
        settled = [one for one in borrowed if one.serving and one.name not in flipping]
        going[role] = _least_busy(settled, _surplus(role, seen, decision))
        staying[role] = frozenset(worker.name for worker in borrowed) - going[role]
    targets = {}
    for role in Role:
        lent = staying[role.other]
        replicas = decision.pool(role).desired - len(staying[role]) + len(lent)
        broken = _broken(seen.home(role))
        if broken:
            # They go first; others come when they are gone.
            replicas = min(replicas, seen.home(role).replicas - broken)
        targets[role] = HomeTarget(max(0, replicas), going[role.other], lent | flipping)
    return targets


def _borrowed(role: Role, seen: Observation, decision: Decision) -> list[WorkerObservation]:
    """The other pool's members that have the role, or shall have it now."""
    flips = {flip.worker: flip.role for flip in decision.flips}
    home = seen.home(role.other)
    return [
        worker
        for worker in home.live
        if flips.get(worker.name, worker.role) is role
        and not worker.draining
        and not home.is_removed(worker)
    ]


def _surplus(role: Role, seen: Observation, decision: Decision) -> int:
    """Workers of the role that are to go."""
    gained = sum(1 if flip.role is role else -1 for flip in decision.flips)
    return max(0, seen.pool(role).current + gained - decision.pool(role).desired)


def _least_busy(workers: list[WorkerObservation], count: int) -> frozenset[str]:
    """Names of so many of them, those with the least work."""
    ordered = sorted(workers, key=lambda worker: (worker.work, worker.name))
    return frozenset(worker.name for worker in ordered[:count])


def _broken(pool: PoolObservation) -> int:
    """Members whose engines stay between two roles."""
    return sum(
        worker.half_switched is not None and worker.draining and not pool.is_removed(worker)
        for worker in pool.live
    )
