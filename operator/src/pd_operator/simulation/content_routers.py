"""The router's policies that look at what a prompt begins with, after smg's."""

from collections.abc import Sequence

from pd_operator.simulation.job import Job
from pd_operator.simulation.prefill_worker import PrefillWorker
from pd_operator.simulation.routers import LeastLoad, Picker, prefill_requests


class CacheAware(Picker[PrefillWorker]):
    """To the worker that was sent the longest beginning of this prompt, unless loads are uneven.

    The router does not know what workers still have, only what it has sent them. Where it knows
    less than `_WORTH_IT` of the prompt, or one worker has far more requests than another, the one
    with the fewest requests is taken.
    """

    _WORTH_IT = 0.3
    _UNEVEN_REQUESTS, _UNEVEN_RATIO = 64, 1.5

    def __init__(self, block_tokens: int) -> None:
        self._block_tokens = block_tokens
        self._sent: dict[int, PrefillWorker] = {}
        self._idlest = LeastLoad(prefill_requests)

    def pick(self, workers: Sequence[PrefillWorker], job: Job) -> PrefillWorker:
        """The worker that knows most, or else the idlest."""
        worker = self._idlest.pick(workers, job)
        known = self._knows(job)
        if known is not None and known in workers and not self._uneven(workers, worker):
            worker = known
        self._sent.update(dict.fromkeys(job.blocks, worker))
        return worker

    def _knows(self, job: Job) -> PrefillWorker | None:
        """Whom the longest beginning was sent to; None where it is too short to matter."""
        known, count = None, 0
        for block in job.blocks:
            worker = self._sent.get(block)
            if worker is None:
                break
            known, count = worker, count + 1
        return known if count * self._block_tokens > self._WORTH_IT * job.prompt else None

    def _uneven(self, workers: Sequence[PrefillWorker], idlest: PrefillWorker) -> bool:
        most, least = max(map(prefill_requests, workers)), prefill_requests(idlest)
        return most - least > self._UNEVEN_REQUESTS and most > self._UNEVEN_RATIO * least


class PrefixHash(Picker[PrefillWorker]):
    """By a hash of the prompt's first block: prompts that begin alike meet, whatever they are.

    A worker with more than `_FULL` times the mean of requests is passed over for the next one in
    the prompt's own order. A worker that comes or goes moves no prompt between the others.
    """

    _FULL = 1.25

    def pick(self, workers: Sequence[PrefillWorker], job: Job) -> PrefillWorker:
        """The first in the prompt's order that is not too full."""
        key = job.blocks[0] if job.blocks else ~job.index
        order = sorted(workers, key=lambda worker: hash((key, worker.number)))
        most = self._FULL * (sum(map(prefill_requests, workers)) + 1) / len(workers)
        return next((one for one in order if prefill_requests(one) < most), order[0])
