"""Decode scheduling: room for the KV first, then a place in the running batch.

Pure: time goes in as seconds, tokens come out. The queues are SGLang's: prealloc (no room yet),
transfer (KV on its way), waiting (KV here), running, and retracted (thrown out for want of room).
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from pd_e2e.engine.batch import RunningBatch
from pd_e2e.engine.job import FINISHED, Finish, FinishKind, Job, Output
from pd_e2e.engine.steps import StepClock
from pd_operator.performance.timing import Timings

_NO_BACKUP = "Retracted under decode memory pressure without a KV backup. Retry later."
_TOO_SMALL = (
    "Out of memory even after retracting all other requests in the decode batch. "
    "Aborting the last request."
)


@dataclass(frozen=True)
class DecodeLimits:
    """KV in tokens, requests in the batch, tokens kept free for each active request.

    `keeps_retracted` tells whether a retracted request is saved and resumed, or aborted.
    """

    kv_tokens: int
    running_requests: int
    reserved_tokens: int = 512
    stream_interval: int = 1
    keeps_retracted: bool = True


@dataclass
class Retractions:
    """What was thrown out of the batch so far."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass
class DecodeScheduler:
    """The queues and the batch of one decode worker.

    `on_admitted` is called with each request that got room for its KV: its fetch may begin.
    Every method first settles what happened up to its `now`, as in `PrefillScheduler`.
    """

    timings: Timings
    limits: DecodeLimits
    on_admitted: Callable[[Job], None]
    prealloc: deque[Job] = field(default_factory=deque)
    transfer: dict[Job, None] = field(default_factory=dict)
    waiting: deque[Job] = field(default_factory=deque)
    retracted: deque[Job] = field(default_factory=deque)
    retractions: Retractions = field(default_factory=Retractions)
    _held_tokens: int = 0
    _join_step: int | None = None

    def __post_init__(self) -> None:
        self.batch = RunningBatch(StepClock(self.timings), self.limits.stream_interval)

    @property
    def kv_used_tokens(self) -> int:
        """Tokens of KV in use or promised to a transfer."""
        return self.batch.tokens + self._held_tokens

    @property
    def idle(self) -> bool:
        """Whether no request is in any queue."""
        queues = (self.prealloc, self.transfer, self.waiting, self.retracted, self.batch)
        return not any(len(queue) for queue in queues)

    def submit(self, job: Job, now: float) -> list[Output]:
        """Take a request; it waits until there is room for its KV."""
        outputs = self.advance(now)
        job.stamps.queued = now
        self.prealloc.append(job)
        self._admit(now)
        return outputs

    def arrived(self, job: Job, now: float) -> list[Output]:
        """The KV of `job`, and with it its first token, is here: it joins at the next step."""
        outputs = self.advance(now)
        if job in self.transfer:
            del self.transfer[job]
            job.stamps.moved = now
            job.generated = 1
            self._held_tokens += 1
            self.waiting.append(job)
            self._call_join(now, outputs)
        return outputs

    def remove(self, job: Job, now: float) -> list[Output]:
        """Forget `job` wherever it is, and free its KV."""
        outputs = self.advance(now)
        for queue in (self.prealloc, self.retracted):
            if job in queue:
                queue.remove(job)
        if job in self.waiting:
            self.waiting.remove(job)
            self._held_tokens -= job.context_tokens
        if job in self.transfer:
            del self.transfer[job]
            self._held_tokens -= job.prompt_tokens
        if job in self.batch:
            at = self._cut(now)
            self.batch.leave(job)
            self.batch.anchor(at)
        self._resume_and_admit(now)
        if self.waiting:
            self._call_join(now, outputs)
        return outputs

    def advance(self, now: float) -> list[Output]:
        """Tokens that left the batch by `now`, in order."""
        outputs: list[Output] = []
        while self.batch:
            step = self._next_step()
            at = self.batch.end_of(step)
            if at > now:
                break
            self.batch.settle(step)
            self._boundary(at, outputs)
        return outputs

    def next_event(self) -> float | None:
        """When something happens next, if nobody calls before."""
        return self.batch.end_of(self._next_step()) if self.batch else None

    def settle_pace(self, now: float) -> list[Output]:
        """Call before the step time changes: steps done so far keep their length."""
        outputs = self.advance(now)
        if self.batch:
            self.batch.anchor(self._cut(now))
        return outputs

    def shift(self, seconds: float) -> None:
        """Move the schedule into the future: the GPU stood still that long."""
        self.batch.clock.anchor += seconds

    def _cut(self, now: float) -> float:
        """Settle the steps done by `now`; returns when the last of them ended."""
        step = self.batch.step_by(now)
        at = self.batch.end_of(step)
        self.batch.settle(step)
        return at

    def _next_step(self) -> int:
        step = min(self.batch.next_due(), self.batch.step + self._steps_of_room())
        if self._join_step is not None:
            step = min(step, self._join_step)
        return max(step, self.batch.step)

    def _steps_of_room(self) -> int:
        return max(0, self._free_tokens() // len(self.batch))

    def _free_tokens(self) -> int:
        return self.limits.kv_tokens - self.kv_used_tokens

    def _call_join(self, now: float, outputs: list[Output]) -> None:
        """Let waiting requests in at the next step boundary, which is now if nothing runs."""
        if not self.batch:
            self._boundary(now, outputs)
        elif self._join_step is None:
            self._join_step = self.batch.boundary_after(now)

    def _boundary(self, at: float, outputs: list[Output]) -> None:
        """Between two steps: hand tokens out, free KV, retract, let others in."""
        members = len(self.batch)
        outputs.extend(self._hand_out(job, at) for job in self.batch.due_jobs())
        changed = len(self.batch) != members
        if self.batch and self._steps_of_room() == 0:
            self._retract(at, outputs)
            changed = True
        if changed:
            self._resume_and_admit(at)
        self._join_step = None
        changed = self._join(at, outputs) or changed
        if changed or self.batch.run_is_long:
            self.batch.anchor(at)

    def _hand_out(self, job: Job, at: float) -> Output:
        """The tokens of `job` that were not handed out yet; it leaves if they are its last."""
        self.batch.refresh(job)
        finish = FINISHED if job.generated >= job.output_tokens else None
        output = Output(job, at, job.generated - job.sent, job.generated, finish)
        job.sent = job.generated
        if finish:
            self.batch.leave(job)
        else:
            self.batch.sent(job)
        return output

    def _join(self, at: float, outputs: list[Output]) -> bool:
        """Seat waiting requests while there are seats. A new one's first token goes out at once."""
        joined = False
        while self.waiting and len(self.batch) < self.limits.running_requests:
            job = self.waiting.popleft()
            self._held_tokens -= job.context_tokens
            job.stamps.started = job.stamps.started or at
            if job.sent == 0 and (job.streaming or job.output_tokens <= 1):
                finish = FINISHED if job.output_tokens <= 1 else None
                outputs.append(Output(job, at, 1, 1, finish))
                job.sent = 1
                if finish:
                    self._resume_and_admit(at)
                    continue
            self.batch.join(job)
            joined = True
        return joined

    def _retract(self, at: float, outputs: list[Output]) -> None:
        """Throw out the requests with the least output until the others can take a step."""
        for job in self.batch.jobs:
            self.batch.refresh(job)
        order = sorted(self.batch.jobs, key=lambda job: (job.generated, -job.prompt_tokens))
        for job in order:
            if len(self.batch) == 1:
                break
            self._throw_out(job, at, outputs)
            if self._steps_of_room() > 0:
                return
        last = order[-1]
        self.batch.leave(last)
        outputs.append(_aborted(last, at, _TOO_SMALL, 500))

    def _throw_out(self, job: Job, at: float, outputs: list[Output]) -> None:
        self.batch.leave(job)
        self.retractions.requests += 1
        self.retractions.input_tokens += job.prompt_tokens
        self.retractions.output_tokens += job.generated
        if self.limits.keeps_retracted:
            self.retracted.append(job)
        else:
            outputs.append(_aborted(job, at, _NO_BACKUP, 503))

    def _resume_and_admit(self, at: float) -> None:
        """Those thrown out come back first; nobody new is let in while one of them waits."""
        while self.retracted and self._fits(self.retracted[0].context_tokens):
            job = self.retracted.popleft()
            self._held_tokens += job.context_tokens
            self.waiting.append(job)
        if not self.retracted:
            self._admit(at)

    def _admit(self, at: float) -> None:
        if self.retracted:
            return
        while self.prealloc and self._fits(self.prealloc[0].prompt_tokens):
            job = self.prealloc.popleft()
            job.stamps.admitted = at
            self.transfer[job] = None
            self._held_tokens += job.prompt_tokens
            self.on_admitted(job)

    def _fits(self, tokens: int) -> bool:
        """Whether `tokens` fit beside what every active request may still grow by."""
        active = len(self.batch) + len(self.transfer) + len(self.waiting)
        # One token each at least: whoever is let in must be able to take a step.
        reserved = max(1, self.limits.reserved_tokens) * (active + 1) if active else 0
        return tokens <= self._free_tokens() - reserved


def _aborted(job: Job, at: float, message: str, status: int) -> Output:
    finish = Finish(FinishKind.ABORT, message, status)
    return Output(job, at, 0, job.generated, finish)
