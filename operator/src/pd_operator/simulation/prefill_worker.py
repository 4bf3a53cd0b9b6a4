"""A prefill worker: first come first served, in passes of a token budget, then over the link."""

from collections import deque
from collections.abc import Iterator

from pd_operator.performance.timing import KvLink
from pd_operator.simulation.agenda import Agenda
from pd_operator.simulation.job import Job
from pd_operator.simulation.service import ServiceModel
from pd_operator.simulation.snapshot import WorkerSnapshot
from pd_operator.simulation.step_tables import PassTimes


class PrefillWorker:
    """Prompts wait until a decode has room for their KV, then for a pass, then for the link.

    - `pending_tokens`: still to compute for the requests that the router sent here.
    - `requests`: requests that are here, until their KV is on its decode.
    - `kv_tokens`: of prompts that are computed or moved.
    - `busy_seconds`, `request_seconds`, `passes`, `tokens_done`: so far, the running pass included.
    """

    __slots__ = (
        "_agenda",
        "_budget",
        "_chunk_done",
        "_chunked",
        "_fills",
        "_kv_capacity",
        "_link",
        "_pass",
        "_queue",
        "_splits",
        "_times",
        "busy_seconds",
        "dead",
        "kv_tokens",
        "number",
        "passes",
        "pending_tokens",
        "request_seconds",
        "requests",
        "tokens_done",
    )

    def __init__(
        self, number: int, service: ServiceModel, times: PassTimes, agenda: Agenda
    ) -> None:
        self.number = number
        self.requests = 0
        self.pending_tokens = 0
        self.kv_tokens = 0
        self.busy_seconds = 0.0
        self.request_seconds = 0.0
        self.passes = 0
        self.tokens_done = 0
        self.dead = False
        self._agenda = agenda
        self._times = times
        self._budget = service.limits.budget_tokens
        self._splits = service.limits.chunk_tokens is not None
        self._fills = self._splits and service.limits.fills_passes
        self._kv_capacity = service.prefill.kv_capacity_tokens
        self._link = KvLink(
            service.transfer_bytes_per_second,
            service.prefill.kv_bytes_per_token,
            service.transfer_base_seconds,
        )
        self._queue: deque[Job] = deque()
        self._chunked: Job | None = None
        self._chunk_done = 0
        self._pass: list[Job] | None = None

    def expect(self, job: Job) -> None:
        """The router has sent `job` here; it is computed once its decode has room."""
        self.requests += 1
        self.pending_tokens += job.prompt - job.cached

    def admit(self, job: Job) -> None:
        """The decode of `job` has room for its KV."""
        self._queue.append(job)
        if self._pass is None:
            self._start_pass()

    def release(self, job: Job) -> None:
        """All KV of `job` has left."""
        self._drop(job)
        if self._pass is None and self._queue and not self.dead:
            self._start_pass()

    def forget(self, job: Job) -> None:
        """The decode of `job`, which is not computed yet, has died."""
        if job in (self._pass or ()):
            return  # it is computed to the end of its pass, and dropped then
        self.pending_tokens -= job.prompt - job.cached
        if job is self._chunked:
            self._chunked = None
            self._drop(job)
            return
        self.requests -= 1
        if job in self._queue:
            self._queue.remove(job)

    def jobs(self) -> Iterator[Job]:
        """Requests that wait for a pass or are in one."""
        yield from self._queue
        yield from self._pass or ()
        if self._chunked:
            yield self._chunked

    def snapshot(self) -> WorkerSnapshot:
        """What the worker would say of itself."""
        return WorkerSnapshot(
            number=self.number,
            running_requests=len(self._pass or ()),
            waiting_requests=len(self._queue) + (self._chunked is not None),
            retracted_requests=0,
            waiting_tokens=self.pending_tokens,
            context_tokens=0,
            used_tokens=self.kv_tokens,
            capacity_tokens=self._kv_capacity,
            tokens_done=self.tokens_done,
            busy_seconds=self.busy_seconds,
        )

    def _drop(self, job: Job) -> None:
        self.requests -= 1
        self.kv_tokens -= job.prompt

    def _start_pass(self) -> None:
        """Compute what fits the budget and the KV; the last prompt may be cut into chunks."""
        completes: list[Job] = []
        budget = self._budget
        tokens = prompts = 0
        attention = 0.0
        job = self._chunked
        if job is not None:
            left = job.prompt - self._chunk_done
            tokens, prompts = min(budget, left), 1
            attention = self._times.attention_seconds(tokens, self._chunk_done)
            self._advance_chunk(job, tokens, completes)
        queue = self._queue
        while queue and tokens < budget:
            job = queue[0]
            if self.kv_tokens + job.prompt > self._kv_capacity:
                break
            new = left = job.prompt - job.cached
            if tokens + new > budget:
                if prompts and not self._fills:
                    break
                if self._splits:
                    new = budget - tokens
            queue.popleft()
            self.kv_tokens += job.prompt
            tokens += new
            prompts += 1
            if job.cached:
                attention += self._times.attention_seconds(new, job.cached)
            if new == left:
                completes.append(job)
            else:
                self._chunk_done = job.cached
                self._advance_chunk(job, new, completes)
        if prompts:
            seconds = self._times.seconds(tokens, prompts) + attention
            self.request_seconds += prompts * seconds
            self._begin(completes, tokens, seconds)

    def _advance_chunk(self, job: Job, tokens: int, completes: list[Job]) -> None:
        self._chunk_done += tokens
        if self._chunk_done == job.prompt:
            self._chunked = None
            completes.append(job)
        else:
            self._chunked = job

    def _begin(self, completes: list[Job], tokens: int, seconds: float) -> None:
        self._pass = completes
        self.passes += 1
        self.tokens_done += tokens
        self.busy_seconds += seconds
        self._agenda.at(self._agenda.now + seconds, self._pass_ended, completes)

    def _pass_ended(self, completed: list[Job]) -> None:
        """Send the KV of prompts that are through; go on with the next."""
        if self.dead:
            return
        agenda = self._agenda
        now = agenda.now
        for job in completed:
            self.pending_tokens -= job.prompt - job.cached
            if job.lost:
                self._drop(job)
                continue
            agenda.at(self._link.send(job.prompt, now), job.decode.kv_arrived, job)
        self._pass = None
        if self._queue or self._chunked:
            self._start_pass()
