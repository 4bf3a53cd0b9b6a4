"""A decode worker: room for the KV first, then a place in the batch, many steps at a time."""

from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush
from math import ceil, inf, sqrt

from pd_operator.simulation.agenda import Agenda
from pd_operator.simulation.job import Job
from pd_operator.simulation.request_log import RequestLog
from pd_operator.simulation.service import ServiceModel
from pd_operator.simulation.snapshot import WorkerSnapshot
from pd_operator.simulation.step_tables import StepTimes

_ROUNDING = 1e-9


class DecodeWorker:
    """Queues and batch of one decode, as SGLang has them.

    prealloc (no room yet), in transfer (computed or moved), waiting (no seat), the batch, and
    retracted (thrown out for want of room). The batch takes all steps together, and between two
    changes of its members nothing about it is looked at: a run of steps is one event.

    - `requests`: in any of these.
    - `batch`: `(step at which it is done, request number, job)`, a heap. Steps are counted from
      the worker's start; `step` and `tokens` (KV of the batch) are those of `anchor` seconds,
      where the run began. A job that joins does so at the next boundary, which is where the
      anchor goes at once, ahead of time: nothing else can happen before it.
    - `held_tokens`: KV of jobs in transfer or waiting.
    """

    __slots__ = (
        "_agenda",
        "_curve",
        "_limits",
        "_log",
        "_prealloc",
        "_retracted",
        "_run_ends",
        "_run_steps",
        "_slope",
        "_times",
        "_transferring",
        "_waiting",
        "_wakes",
        "anchor",
        "batch",
        "busy_seconds",
        "dead",
        "held_tokens",
        "kv_capacity",
        "number",
        "request_seconds",
        "requests",
        "step",
        "tokens",
        "tokens_done",
    )

    def __init__(
        self,
        number: int,
        service: ServiceModel,
        times: StepTimes,
        agenda: Agenda,
        log: RequestLog,
    ) -> None:
        self.number = number
        self.requests = 0
        self.batch: list[tuple[int, int, Job]] = []
        self.step = 0
        self.tokens = 0
        self.anchor = 0.0
        self.held_tokens = 0
        self.kv_capacity = service.decode.kv_capacity_tokens
        self.busy_seconds = 0.0
        self.request_seconds = 0.0
        self.tokens_done = 0
        self.dead = False
        self._agenda = agenda
        self._log = log
        self._limits = service.limits
        self._times = times
        self._prealloc: deque[Job] = deque()
        self._retracted: deque[Job] = deque()
        self._waiting: deque[Job] = deque()
        self._transferring = 0
        self._slope = self._curve = 0.0
        self._run_steps = 0
        self._run_ends = self._wakes = inf

    def submit(self, job: Job) -> None:
        """The router has sent `job` here; its prefill may begin once there is room."""
        self.requests += 1
        if self._prealloc or self._retracted or not self._fits(job.prompt + 1):
            self._prealloc.append(job)
        else:
            self._admit(job)

    def kv_arrived(self, job: Job) -> None:
        """The KV of `job`, and with it its first token, is here: it joins at the next step."""
        job.prefill.release(job)
        if job.lost:
            return
        self._transferring -= 1
        job.generated = 1
        now = self._agenda.now
        if not self.batch:
            self.anchor = max(self.anchor, now)
        else:
            steps = self._steps_until(now)
            if steps >= self._run_steps or len(self.batch) >= self._limits.running_requests:
                self._waiting.append(job)
                return
            if steps:
                self._settle(steps)
        self._join(job)
        if not self.batch:
            self._seat_waiting()
        self._plan_run()

    def forget(self, job: Job) -> None:
        """The prefill of `job`, whose KV has not come, has died."""
        self.requests -= 1
        if job in self._prealloc:
            self._prealloc.remove(job)
        else:
            self._transferring -= 1
            self.held_tokens -= job.prompt + 1

    def refill(self) -> None:
        """Room was given up: let in who waits for it."""
        self._let_in()
        if not self.batch and self._waiting:
            self.anchor = max(self.anchor, self._agenda.now)
            self._seat_waiting()
            self._plan_run()

    def jobs(self) -> Iterator[Job]:
        """All requests here, but for those in transfer."""
        yield from self._prealloc
        yield from self._retracted
        yield from self._waiting
        yield from (seat[2] for seat in self.batch)

    def jobs_before_transfer(self) -> Iterator[Job]:
        """Requests that wait for room."""
        yield from self._prealloc

    @property
    def waiting_requests(self) -> int:
        """Requests that wait for room or for a seat."""
        return len(self._prealloc) + len(self._retracted) + len(self._waiting)

    def snapshot(self) -> WorkerSnapshot:
        """What the worker would say of itself."""
        steps = self._steps_done(self._agenda.now) if self.batch else 0
        context = self.tokens + len(self.batch) * steps
        return WorkerSnapshot(
            number=self.number,
            running_requests=len(self.batch),
            waiting_requests=self.waiting_requests,
            retracted_requests=len(self._retracted),
            waiting_tokens=0,
            context_tokens=context,
            used_tokens=context + self.held_tokens,
            capacity_tokens=self.kv_capacity,
            tokens_done=self.tokens_done,
            busy_seconds=self.busy_seconds,
        )

    @property
    def used_tokens(self) -> int:
        """KV in use or promised at the end of the run under way, which is the most it comes to."""
        return self.tokens + self.held_tokens + len(self.batch) * self._run_steps

    def _admit(self, job: Job) -> None:
        self.held_tokens += job.prompt + 1  # and its first token, which comes with it
        self._transferring += 1
        room = self.kv_capacity - self.tokens - self.held_tokens
        if len(self.batch) * self._run_steps > room:
            self._set_run(room // len(self.batch))
        job.prefill.admit(job)

    def _fits(self, tokens: int) -> bool:
        """Whether `tokens` fit beside what every active request may still grow by."""
        batch = len(self.batch)
        active = batch + self._transferring + len(self._waiting)
        free = self.kv_capacity - self.tokens - self.held_tokens
        if active:
            free -= self._limits.reserved_tokens * (active + 1)
        if tokens <= free - batch * self._run_steps:
            return True
        if tokens > free or not batch:
            return tokens <= free
        return tokens <= free - batch * self._steps_done(self._agenda.now)

    def _steps_until(self, now: float) -> int:
        """Steps of the run that are done at the first boundary at or after `now`."""
        elapsed = now - self.anchor
        if elapsed <= 0.0:
            return 0
        return ceil(self._steps_in(elapsed) - _ROUNDING)

    def _steps_done(self, now: float) -> int:
        """Steps of the run that are done by `now`."""
        elapsed = now - self.anchor
        return int(self._steps_in(elapsed) + _ROUNDING) if elapsed > 0.0 else 0

    def _steps_in(self, seconds: float) -> float:
        """The `n` of which `n (slope + curve n)` is `seconds`, by the formula that is stable."""
        slope = self._slope
        return 2.0 * seconds / (slope + sqrt(slope * slope + 4.0 * self._curve * seconds))

    def _settle(self, steps: int) -> None:
        """Account for `steps` of the run, and anchor at their end."""
        seconds = steps * (self._slope + self._curve * steps)
        batch = len(self.batch)
        self.anchor += seconds
        self.step += steps
        self.tokens += steps * batch
        self.tokens_done += steps * batch
        self.busy_seconds += seconds
        self.request_seconds += seconds * batch

    def _join(self, job: Job) -> None:
        """Seat `job` at the anchor. The first token of a new one goes out at once."""
        if not job.first_token_at:
            job.first_token_at = self.anchor
            if job.output == 1:
                self.held_tokens -= job.prompt + 1
                self._finish(job)
                self._let_in()
                return
        context = job.prompt + job.generated
        self.held_tokens -= context
        self.tokens += context
        heappush(self.batch, (self.step + job.output - job.generated, job.index, job))

    def _finish(self, job: Job) -> None:
        self.requests -= 1
        self._log.finished(job, self.anchor)

    def _plan_run(self) -> None:
        """Find how long the batch stays as it is, and wake up then."""
        batch = len(self.batch)
        if not batch:
            self._run_steps = 0
            return
        context = self.tokens / batch
        a, b, end = self._times.line(batch, context)
        steps = self.batch[0][0] - self.step
        if context + steps > end + 1.0:
            steps = int(end - context) + 1
        room = self.kv_capacity - self.tokens - self.held_tokens
        if steps * batch > room:
            steps = room // batch
        self._curve = curve = 0.5 * b
        self._slope = a + b * context - curve
        self._set_run(steps)

    def _set_run(self, steps: int) -> None:
        self._run_steps = steps
        self._run_ends = ends = self.anchor + steps * (self._slope + self._curve * steps)
        if ends < self._wakes:
            self._wakes = ends
            self._agenda.at(ends, self._wake, None)

    def _wake(self, _: None) -> None:
        """Somewhere a run was to end; runs that were cut short or prolonged are seen here."""
        now = self._agenda.now
        if now != self._wakes or self.dead:
            return
        if not self.batch:
            self._wakes = inf
        elif self._run_ends > now:
            self._wakes = self._run_ends
            self._agenda.at(self._run_ends, self._wake, None)
        else:
            self._wakes = inf
            self._run_ended()

    def _run_ended(self) -> None:
        """At a boundary: finish, retract, let others in."""
        self._settle(self._run_steps)
        self._run_steps = 0
        batch = self.batch
        step = self.step
        while batch and batch[0][0] == step:
            job = heappop(batch)[2]
            self.tokens -= job.prompt + job.output
            self._finish(job)
        if self.kv_capacity - self.tokens - self.held_tokens < len(batch):
            self._retract()
        self._let_in()
        self._seat_waiting()
        self._plan_run()

    def _seat_waiting(self) -> None:
        waiting = self._waiting
        while waiting and len(self.batch) < self._limits.running_requests:
            self._join(waiting.popleft())

    def _retract(self) -> None:
        """Throw out the requests with the least output until the others can take a step."""
        batch = self.batch
        order = sorted(batch, key=lambda seat: (self._generated(seat), -seat[2].prompt))
        kept = set(order)
        for seat in order:
            kept.discard(seat)
            job = seat[2]
            job.generated = self._generated(seat)
            self.tokens -= job.prompt + job.generated
            if not kept:
                self.requests -= 1
                self._log.lost(job)
                break
            self._log.retractions += 1
            self._retracted.append(job)
            if self.kv_capacity - self.tokens - self.held_tokens >= len(kept):
                break
        batch[:] = sorted(kept)

    def _generated(self, seat: tuple[int, int, Job]) -> int:
        return seat[2].output - (seat[0] - self.step)

    def _let_in(self) -> None:
        """Those thrown out come back first; nobody new is let in while one of them waits."""
        retracted, prealloc = self._retracted, self._prealloc
        while retracted and self._fits(retracted[0].prompt + retracted[0].generated):
            job = retracted.popleft()
            self.held_tokens += job.prompt + job.generated
            self._waiting.append(job)
        while prealloc and not retracted and self._fits(prealloc[0].prompt + 1):
            self._admit(prealloc.popleft())
