"""A prefill worker that remembers the prompts which it has computed, and no other's."""

from pd_operator.simulation.agenda import Agenda
from pd_operator.simulation.job import Job
from pd_operator.simulation.prefill_worker import PrefillWorker
from pd_operator.simulation.prefixes import PrefixCache
from pd_operator.simulation.service import ServiceModel
from pd_operator.simulation.step_tables import PassTimes


class CachingPrefillWorker(PrefillWorker):
    """Finds a prompt's beginning where it has computed one alike. A new worker has none.

    The cache has the KV room that the prompts of a pass leave, so that a busy worker forgets
    sooner. What is found counts twice then, as the cache's and as the prompt's, which errs on the
    side of forgetting. Two prompts of one pass do not find each other.
    """

    __slots__ = ("_prefixes",)

    def __init__(
        self,
        number: int,
        service: ServiceModel,
        times: PassTimes,
        agenda: Agenda,
        block_tokens: int,
    ) -> None:
        super().__init__(number, service, times, agenda)
        self._prefixes = PrefixCache(block_tokens)

    def _start_pass(self) -> None:
        """Look up the prompts that may come into the pass, as late as SGLang does."""
        tokens = 0
        for job in self._queue:
            if tokens >= self._budget:
                break
            self._look_up(job)
            tokens += job.prompt - job.cached
        super()._start_pass()
        self._prefixes.shrink_to(self._kv_capacity - self.kv_tokens)

    def _look_up(self, job: Job) -> None:
        found = min(self._prefixes.use(job.blocks), job.prompt - 1)
        self.pending_tokens -= found - job.cached
        job.cached = found

    def _pass_ended(self, completed: list[Job]) -> None:
        if not self.dead:
            for job in completed:
                self._prefixes.hold(job.blocks)
        super()._pass_ended(completed)
