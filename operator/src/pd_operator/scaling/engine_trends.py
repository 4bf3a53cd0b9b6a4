"""What two looks at an engine tell and one does not: how fast it computes, what keeps waiting.

An engine counts from its start, and begins with a warm-up that no traffic resembles: only what it
did between two readings says how fast it is. And one look at a queue cannot tell requests that
pass through it from those that stay.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pd_operator.performance.counters import Counters, PrefillWork, prefill_work, ran_backwards
from pd_operator.scaling.observation import EngineLoad, Known, Observation, WorkerObservation

MINIMUM_PREFILL_TOKENS = 8_192
"""One pass of SGLang's chunked prefill on a large GPU.

So much an engine computes before it is measured, since the first passes compile kernels and fill
caches; and so much it computes for a measurement.
"""

OLDEST_LOAD_SECONDS = 10.0
"""An older answer no longer tells what waits.

A prefill answers with its state from before the present pass: 4.4 s old with the longest passes
that were seen.
"""

MINIMUM_SECONDS_APART = 0.5
"""Readings that are closer are the same: an engine publishes its load now and then."""

ARRIVALS_SECONDS = 14.0
"""Over so long at least arrivals are counted: a tick of 15 s, the API's default, or several.

Within the two seconds of a quick tick a clump of long prompts is twice the load.
"""


@dataclass(frozen=True)
class EngineTrend:
    """One worker's engine over the readings so far.

    - `load`: the newest reading, which the engine wrote at `published_seconds` (Unix time).
    - `begun`: the counters from which the present stretch of prefill is measured; None before the
      engine has computed enough to be measured at all.
    - `prefill`: the last whole stretch; None before there was one.
    - `arrivals`: prompt tokens computed and waiting, from `ARRIVALS_SECONDS` ago until now.
    - `put_off`: requests that waited for room in decode at both of the last two readings.
    """

    load: EngineLoad
    published_seconds: float
    begun: Counters | None = None
    prefill: PrefillWork | None = None
    put_off: int = 0
    arrivals: tuple["Arrivals", ...] = ()

    @property
    def offered_tokens_per_second(self) -> float:
        """Prompt tokens that arrive: those computed, and those by which the queue grows."""
        if len(self.arrivals) <= 1:
            return 0.0
        first, last = self.arrivals[0], self.arrivals[-1]
        return max(0.0, (last.tokens - first.tokens) / (last.seconds - first.seconds))

    def after(self, load: EngineLoad, published_seconds: float) -> "EngineTrend":
        """The trend with one more reading."""
        if published_seconds - self.published_seconds < MINIMUM_SECONDS_APART:
            return self
        now = _counters(load, published_seconds)
        restarted = ran_backwards(_counters(self.load, self.published_seconds), now)
        if load.mode is not self.load.mode or restarted:
            return first_trend(load, published_seconds)
        stretch = _stretch(self.begun, now)
        return EngineTrend(
            load=load,
            published_seconds=published_seconds,
            begun=_begin(now) if stretch or self.begun is None else self.begun,
            prefill=stretch or self.prefill,
            put_off=min(self.load.decode_prealloc_queue, load.decode_prealloc_queue),
            arrivals=_arrivals(self.arrivals, load, published_seconds),
        )


@dataclass(frozen=True)
class Arrivals:
    """Prompt tokens that an engine has computed or that wait there, at `seconds` (Unix time)."""

    seconds: float
    tokens: int


def first_trend(load: EngineLoad, published_seconds: float) -> EngineTrend:
    """What a first reading tells."""
    return EngineTrend(
        load,
        published_seconds,
        _begin(_counters(load, published_seconds)),
        arrivals=_arrivals((), load, published_seconds),
    )


def fresh_load(worker: WorkerObservation) -> EngineLoad | None:
    """What a worker that serves says of itself now; None where it does not, or said it long ago."""
    reading = worker.load
    if not (worker.serving and isinstance(reading, Known)):
        return None
    return reading.value if reading.age_seconds <= OLDEST_LOAD_SECONDS else None


def updated_trends(trends: Mapping[str, EngineTrend], seen: Observation) -> dict[str, EngineTrend]:
    """The trends of all workers that serve, by name, with one more reading each."""
    found: dict[str, EngineTrend] = {}
    for worker in (*seen.prefill.workers, *seen.decode.workers):
        before, load = trends.get(worker.name), fresh_load(worker)
        if load is not None and isinstance(worker.load, Known):
            published = seen.time_seconds - worker.load.age_seconds
            found[worker.name] = (
                before.after(load, published) if before else first_trend(load, published)
            )
        elif before is not None and worker.serving:
            found[worker.name] = before
    return found


def _arrivals(
    before: tuple[Arrivals, ...], load: EngineLoad, published_seconds: float
) -> tuple[Arrivals, ...]:
    """The readings with one more; of those long ago only the newest."""
    tokens = load.prefill_uncached_tokens_total + load.waiting_uncached_tokens
    seen = (*before, Arrivals(published_seconds, tokens))
    long_ago = sum(one.seconds <= published_seconds - ARRIVALS_SECONDS for one in seen)
    return seen[max(0, long_ago - 1) :]


def _begin(now: Counters) -> Counters | None:
    """Where a stretch may begin: not before the engine has computed enough."""
    return now if now.prefill_tokens >= MINIMUM_PREFILL_TOKENS else None


def _stretch(begun: Counters | None, now: Counters) -> PrefillWork | None:
    """The work since `begun`; None while it is too little to tell."""
    work = prefill_work(begun, now) if begun else None
    return work if work and work.tokens >= MINIMUM_PREFILL_TOKENS else None


def _counters(load: EngineLoad, published_seconds: float) -> Counters:
    return Counters(
        time_seconds=published_seconds,
        prefill_tokens=float(load.prefill_uncached_tokens_total),
        prefill_busy_seconds=load.prefill_busy_seconds_total,
        decode_moments=load.decode_moments,
    )
