"""Prefill scheduling: first come first served, in chunked passes, then over the link.

Pure: time goes in as seconds, events come out. A request waits in the bootstrap queue until its
decode has room for its KV, then for a pass, then for its KV to be moved, as in SGLang.
"""

from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush

from pd_e2e.engine.job import FINISHED, Job, Output
from pd_operator.performance.timing import Chunk, KvLink, Timings


@dataclass(frozen=True)
class PrefillLimits:
    """Tokens in one chunk (None: prompts are not split) and in one pass; tokens of KV."""

    chunk_tokens: int | None
    pass_tokens: int
    kv_tokens: int

    @property
    def budget(self) -> int:
        """Tokens that one pass may compute."""
        return min(self.chunk_tokens or self.pass_tokens, self.pass_tokens)


@dataclass(frozen=True, slots=True)
class _Piece:
    job: Job
    chunk: Chunk

    @property
    def completes(self) -> bool:
        return self.chunk.cached + self.chunk.new == self.job.prompt_tokens


@dataclass(slots=True)
class _Pass:
    pieces: list[_Piece]
    started: float
    ends: float


@dataclass
class PrefillCounters:
    """What `/v1/loads` accumulates: tokens computed, seconds the GPU was busy, passes."""

    uncached_tokens: int = 0
    busy_seconds: float = 0.0
    passes: int = 0


@dataclass(frozen=True)
class PrefillState:
    """What a worker tells of itself as it was at `seconds`.

    `waiting` requests have met their decode and are not computed; `pending_tokens` are theirs and
    of those that still bootstrap.
    """

    seconds: float
    bootstrapping: int = 0
    waiting: int = 0
    inflight: int = 0
    waiting_tokens: int = 0
    pending_tokens: int = 0
    kv_used_tokens: int = 0
    uncached_tokens: int = 0
    busy_seconds: float = 0.0


@dataclass
class PrefillScheduler:
    """The queues of one prefill worker.

    Every method first settles what happened up to its `now`, so events come out in order
    however late the caller wakes up: a late wake-up never makes the simulated GPU slower.
    """

    timings: Timings
    limits: PrefillLimits
    link: KvLink
    bootstrapping: dict[Job, None] = field(default_factory=dict)
    waiting: deque[Job] = field(default_factory=deque)
    counters: PrefillCounters = field(default_factory=PrefillCounters)
    kv_used_tokens: int = 0
    _pass: _Pass | None = None
    _chunked: tuple[Job, int] | None = None
    _moving: list[tuple[float, int, Job]] = field(default_factory=list)
    _computing: dict[Job, None] = field(default_factory=dict)
    _order: int = 0
    _published: PrefillState = PrefillState(0.0)

    @property
    def inflight(self) -> int:
        """Requests that are computed and whose KV is on its way."""
        return len(self._moving)

    @property
    def waiting_tokens(self) -> int:
        """Tokens that still have to be computed, without those in the present pass."""
        tokens = sum(job.prompt_tokens for job in self.waiting)
        if self._chunked:
            job, done = self._chunked
            tokens += job.prompt_tokens - done
        return tokens

    @property
    def idle(self) -> bool:
        """Whether no request is in any queue."""
        return not (
            self.bootstrapping or self.waiting or self._pass or self._chunked or self._moving
        )

    def published(self, now: float) -> PrefillState:
        """What the worker tells of itself: during a pass what it was before, as in SGLang."""
        return self._published if self._pass else self._state(now)

    def submit(self, job: Job, now: float) -> None:
        """Take a request; it waits for its decode."""
        job.stamps.queued = now
        self.bootstrapping[job] = None

    def admit(self, job: Job, now: float) -> list[Output]:
        """The decode has room for the KV of `job`: it may be computed."""
        outputs = self.advance(now)
        self._publish(now)
        if job in self.bootstrapping:
            del self.bootstrapping[job]
            job.stamps.admitted = now
            self.waiting.append(job)
            self._start_pass(now)
        return outputs

    def remove(self, job: Job, now: float) -> list[Output]:
        """Forget `job` wherever it is; a pass that is running computes it to its end."""
        outputs = self.advance(now)
        self.bootstrapping.pop(job, None)
        if job in self.waiting:
            self.waiting.remove(job)
        if job in self._computing:
            del self._computing[job]
            self.kv_used_tokens -= job.prompt_tokens
        if self._chunked and self._chunked[0] is job:
            self._chunked = None
        self._moving = [entry for entry in self._moving if entry[2] is not job]
        self._start_pass(now)
        return outputs

    def advance(self, now: float) -> list[Output]:
        """Requests whose KV has arrived at their decode by `now`, in order."""
        outputs: list[Output] = []
        while (at := self.next_event()) is not None and at <= now:
            if self._pass and self._pass.ends == at:
                self._end_pass(self._pass)
                self._start_pass(at)
            else:
                outputs.append(self._deliver())
                self._start_pass(at)
        return outputs

    def next_event(self) -> float | None:
        """When something happens next, if nobody calls before."""
        pass_ends = self._pass.ends if self._pass else None
        moved = self._moving[0][0] if self._moving else None
        if pass_ends is None or moved is None:
            return moved if pass_ends is None else pass_ends
        return min(pass_ends, moved)

    def shift(self, seconds: float) -> None:
        """Move everything under way into the future: the GPU stood still that long."""
        if self._pass:
            self._pass.ends += seconds
        self.link.free_at += seconds
        self._moving = [(at + seconds, order, job) for at, order, job in self._moving]

    def _deliver(self) -> Output:
        at, _, job = heappop(self._moving)
        job.stamps.moved = at
        job.generated = 1
        del self._computing[job]
        self.kv_used_tokens -= job.prompt_tokens
        return Output(job, at, new_tokens=1, total_tokens=1, finish=FINISHED)

    def _end_pass(self, ended: _Pass) -> None:
        self._pass = None
        self.counters.passes += 1
        self.counters.uncached_tokens += sum(piece.chunk.new for piece in ended.pieces)
        self.counters.busy_seconds += ended.ends - ended.started
        for piece in ended.pieces:
            if piece.completes and piece.job in self._computing:
                self._send(piece.job, ended.ends)
        self._publish(ended.ends)

    def _publish(self, at: float) -> None:
        """Between two passes, the worker notes how it stands."""
        self._published = self.published(at)

    def _state(self, at: float) -> PrefillState:
        bootstrapping = sum(job.prompt_tokens for job in self.bootstrapping)
        return PrefillState(
            at,
            bootstrapping=len(self.bootstrapping),
            waiting=len(self.waiting) + (self._chunked is not None),
            inflight=self.inflight,
            waiting_tokens=self.waiting_tokens,
            pending_tokens=self.waiting_tokens + bootstrapping,
            kv_used_tokens=self.kv_used_tokens,
            uncached_tokens=self.counters.uncached_tokens,
            busy_seconds=self.counters.busy_seconds,
        )

    def _send(self, job: Job, at: float) -> None:
        job.stamps.computed = at
        arrives = self.link.send(job.prompt_tokens, at) if job.bootstrap.has_peer else at
        self._order += 1
        heappush(self._moving, (arrives, self._order, job))

    def _start_pass(self, at: float) -> None:
        if self._pass:
            return
        pieces = self._next_pieces()
        if pieces:
            for piece in pieces:
                if not piece.chunk.cached:
                    piece.job.stamps.started = at
            seconds = self.timings.prefill_pass([piece.chunk for piece in pieces])
            self._pass = _Pass(pieces, at, at + seconds)

    def _next_pieces(self) -> list[_Piece]:
        pieces: list[_Piece] = []
        budget = self.limits.budget
        if self._chunked:
            job, done = self._chunked
            pieces.append(self._piece(job, done, budget))
            budget -= pieces[0].chunk.new
        while self.waiting and budget > 0:
            job = self.waiting[0]
            if self.kv_used_tokens + job.prompt_tokens > self.limits.kv_tokens:
                break
            splittable = self.limits.chunk_tokens is not None
            if job.prompt_tokens > budget and pieces and not splittable:
                break
            self.waiting.popleft()
            self._computing[job] = None
            self.kv_used_tokens += job.prompt_tokens
            pieces.append(self._piece(job, 0, budget if splittable else job.prompt_tokens))
            budget -= pieces[-1].chunk.new
        return pieces

    def _piece(self, job: Job, done: int, budget: int) -> _Piece:
        piece = _Piece(job, Chunk(new=min(budget, job.prompt_tokens - done), cached=done))
        self._chunked = None if piece.completes else (job, done + piece.chunk.new)
        return piece
