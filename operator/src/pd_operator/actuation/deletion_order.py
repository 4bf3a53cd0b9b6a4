"""Which pods a ReplicaSet deletes when its number falls: worked out before it is lowered.

The order is Kubernetes' own (`ActivePodsWithRanks` in `pkg/controller/controller_utils.go`, 1.36):
no node, Pending, not Ready, lower deletion cost; what it looks at after that is not relied on. It
holds within one ReplicaSet, so nothing is known of a pool in the middle of a rollout.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from itertools import takewhile

from pd_operator.scaling.observation import WorkerObservation

CHEAPEST = -(1 << 31)
"""The lowest cost there is: that of a worker which the next lower number is meant for."""

DRAINING = CHEAPEST + 1
"""The cost of a worker that drains: before all that serve, after those that are done."""


def would_go(workers: Iterable[WorkerObservation], meant: Collection[str]) -> list[str]:
    """The workers of `meant` that surely go first, in order, once they cost the least.

    Ends before the first worker that would go and is not meant: the number must not fall further.
    """
    priced = [
        replace(worker, deletion_cost=CHEAPEST) if worker.name in meant else worker
        for worker in workers
    ]
    return list(takewhile(lambda name: name in meant, deletion_order(priced, meant)))


def deletion_order(workers: Iterable[WorkerObservation], meant: Collection[str]) -> list[str]:
    """The workers as they would go, the first first, at the costs that they have.

    Of two that are alike, the one that is not `meant` counts as the first.
    """

    def order(worker: WorkerObservation) -> tuple[bool, bool, bool, int, bool, str]:
        chosen = worker.name in meant
        cost = worker.deletion_cost
        return worker.scheduled, not worker.pending, worker.ready, cost, chosen, worker.name

    return [worker.name for worker in sorted(workers, key=order)]
