"""The running batch of a decode worker, advanced many steps at a time."""

from dataclasses import dataclass, field
from heapq import heappop, heappush

from pd_e2e.engine.job import Job
from pd_e2e.engine.steps import StepClock

_LONGEST_RUN_STEPS = 256
"""Step times are taken at the mean context of a run; short runs keep that exact on a bent table."""

_INTERVAL_WITHOUT_STREAM = 50
"""SGLang's scheduler reports on a request that is not streamed this often; metrics see it."""


@dataclass(slots=True)
class _Seat:
    """A request in the batch has generated `offset` + steps; `due` is when it next has output."""

    offset: int
    due: int


@dataclass
class RunningBatch:
    """Sequences that take every step together.

    Steps are counted from the worker's start. Only the steps at which some request has output
    due are visited; a heap finds them. `moments` are SGLang's `[n, Σb, Σt µs, Σb², Σbt,
    Σgenerated]` over the steps done.
    """

    clock: StepClock
    stream_interval: int
    step: int = 0
    tokens: int = 0
    moments: list[float] = field(default_factory=lambda: [0.0] * 6)
    _run_start: int = 0
    _seats: dict[Job, _Seat] = field(default_factory=dict)
    _due: list[tuple[int, int, Job]] = field(default_factory=list)
    _entries: int = 0

    def __len__(self) -> int:
        return len(self._seats)

    def __contains__(self, job: object) -> bool:
        return job in self._seats

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The requests in the batch, in order of joining."""
        return tuple(self._seats)

    @property
    def run_is_long(self) -> bool:
        """Whether the run should be anchored anew for the sake of exact step times."""
        return self.step - self._run_start >= _LONGEST_RUN_STEPS

    def join(self, job: Job) -> None:
        """Seat `job`, whose `generated` tokens so far came from elsewhere."""
        seat = _Seat(offset=job.generated - self.step, due=0)
        self._seats[job] = seat
        self.tokens += job.context_tokens
        self._schedule(job, seat)

    def leave(self, job: Job) -> None:
        """Take `job` out, with its `generated` up to date."""
        self.refresh(job)
        self.tokens -= job.context_tokens
        del self._seats[job]

    def refresh(self, job: Job) -> None:
        """Bring `job.generated` up to date."""
        job.generated = self._seats[job].offset + self.step

    def sent(self, job: Job) -> None:
        """All tokens of `job` so far were handed out: find when it next has output."""
        self._schedule(job, self._seats[job])

    def due_jobs(self) -> list[Job]:
        """Requests with output due at the current step."""
        jobs = []
        while self._due and self._due[0][0] <= self.step:
            due, _, job = heappop(self._due)
            if self._is_current(due, job):
                jobs.append(job)
        return jobs

    def next_due(self) -> int:
        """The next step at which something must be looked at."""
        while self._due and not self._is_current(self._due[0][0], self._due[0][2]):
            heappop(self._due)
        last = self._run_start + _LONGEST_RUN_STEPS
        return min(last, self._due[0][0]) if self._due else last

    def end_of(self, step: int) -> float:
        """When `step` of the current run is done."""
        return self.clock.end_of(step - self._run_start)

    def boundary_after(self, now: float) -> int:
        """The first step that ends at or after `now`."""
        return self._run_start + self.clock.boundary_after(now)

    def step_by(self, now: float) -> int:
        """The last step that is done by `now`."""
        return max(self.step, self._run_start + self.clock.steps_by(now))

    def settle(self, step: int) -> None:
        """Account for the steps up to `step`; nobody joined or left meanwhile."""
        steps = step - self.step
        if steps == 0 or not self._seats:
            return
        batch = len(self._seats)
        micros = (self.end_of(step) - self.end_of(self.step)) * 1e6
        gains = (steps, steps * batch, micros, steps * batch**2, batch * micros, steps * batch)
        self.moments = [total + gain for total, gain in zip(self.moments, gains, strict=True)]
        self.tokens += steps * batch
        self.step = step

    def anchor(self, at: float) -> None:
        """Start a run at `at`: the membership or the pace changed."""
        self._run_start = self.step
        self.clock.start(at, len(self._seats), self.tokens)

    def _is_current(self, due: int, job: Job) -> bool:
        seat = self._seats.get(job)
        return seat is not None and seat.due == due

    def _schedule(self, job: Job, seat: _Seat) -> None:
        interval = self.stream_interval if job.streaming else _INTERVAL_WITHOUT_STREAM
        seat.due = min(job.output_tokens, job.sent + interval) - seat.offset
        self._entries += 1
        heappush(self._due, (seat.due, self._entries, job))
