"""Scenarios: which load is played, how fast, and how much of it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from pd_e2e.loadgen.schedule import FloatArray, LengthPool, Schedule, merge, poisson_arrivals
from pd_e2e.loadgen.trace import DAY_SECONDS, Trace, bundled_trace, read_arrivals

WHOLE_DAY = "azure-day"
STEADY = "steady"


class Scenario(Protocol):
    """A load that can be played."""

    @property
    def duration_seconds(self) -> float:
        """How long a replay lasts, without its warm-up."""

    def schedule(self, seed: int, warmup_seconds: float = 0.0) -> Schedule:
        """The arrivals from `-warmup_seconds` to `duration_seconds`."""


@dataclass(frozen=True, eq=False)
class TraceScenario:
    """Hours `start_hour` to `end_hour` of a trace, `speed` times as fast, `scale` of its rate.

    Replay second t is trace second `start_hour * 3600 + t * speed`, so negative seconds are the
    hours before, which serve as warm-up and as the history that a forecaster learns from.

    Lengths come from the services' pools in random order. Requests that follow one another have
    alike lengths; of the thousands that a replay second stands for, a few are played, so they are
    no neighbors, and neighbors' lengths would make the mean length jump as it never does.
    """

    trace: Trace = field(default_factory=bundled_trace)
    start_hour: float = 80.0
    end_hour: float = 96.0
    speed: float = 80.0
    scale: float = 0.25
    name: str = WHOLE_DAY

    @property
    def services(self) -> tuple[str, ...]:
        """Names of the services whose loads are added up."""
        return tuple(self.trace.requests)

    @property
    def duration_seconds(self) -> float:
        """How long the replay lasts."""
        return (self.end_hour - self.start_hour) * 3600 / self.speed

    @property
    def day_seconds(self) -> float:
        """How long a day of the trace is in the replay."""
        return DAY_SECONDS / self.speed

    @property
    def history_seconds(self) -> float:
        """How much of the trace, in replay seconds, lies before the replay."""
        return self.start_hour * 3600 / self.speed

    def schedule(self, seed: int, warmup_seconds: float = 0.0) -> Schedule:
        """Poisson arrivals at the trace's rates."""
        return self.arrivals(-warmup_seconds, self.duration_seconds, seed)

    def arrivals(self, start_seconds: float, end_seconds: float, seed: int) -> Schedule:
        """Poisson arrivals between two replay seconds; the same seed gives the same arrivals."""
        streams = np.random.default_rng(seed).spawn(len(self.services))
        edges = self._edges(start_seconds, end_seconds)
        times, lengths = [], []
        for name, rng in zip(self.services, streams, strict=True):
            expected = np.diff(self._cumulative(name, edges))
            times.append(poisson_arrivals(edges, expected, rng))
            lengths.append(self.trace.lengths[name].shuffled(rng))
        return merge(self.services, times, lengths)

    def mean_rates(self, seconds: FloatArray, window_seconds: float) -> FloatArray:
        """Expected requests per second around `seconds`: shape (services, len(seconds)).

        The mean over a window centered on each second. Expected, so free of the noise of one
        draw; the trace's own unrest within the window is averaged out.
        """
        half = window_seconds / 2
        rows = [
            (self._cumulative(name, seconds + half) - self._cumulative(name, seconds - half))
            for name in self.services
        ]
        rates: FloatArray = np.array(rows) / window_seconds
        return rates

    def clock(self, seconds: float) -> str:
        """The replayed day's own time, for instance 'day 3, 14:20'."""
        minutes = int((self.start_hour * 3600 + seconds * self.speed) // 60)
        return f"day {minutes // 1440}, {minutes // 60 % 24:02d}:{minutes % 60:02d}"

    def _trace_seconds(self, seconds: FloatArray) -> FloatArray:
        return self.start_hour * 3600 + seconds * self.speed

    def _cumulative(self, service: str, seconds: FloatArray) -> FloatArray:
        """Expected requests of `service` from the trace's start to `seconds` of the replay.

        Trace seconds are played `speed` times as fast at `scale` of their rate, so a bin of n
        requests becomes `n * scale / speed` requests. Beyond its ends the trace's first and last
        bins go on.
        """
        counts = self.trace.requests[service] * self.scale / self.speed
        edges = np.arange(len(counts) + 1) * self.trace.bin_seconds
        at = self._trace_seconds(seconds)
        inside: FloatArray = np.interp(at, edges, np.concatenate(([0.0], np.cumsum(counts))))
        before = np.minimum(at, 0.0) * counts[0] / self.trace.bin_seconds
        after = np.maximum(at - edges[-1], 0.0) * counts[-1] / self.trace.bin_seconds
        cumulative: FloatArray = inside + before + after
        return cumulative

    def _edges(self, start_seconds: float, end_seconds: float) -> FloatArray:
        """The trace's bin edges between two replay seconds, and these two."""
        edges = np.arange(self.trace.bins + 1) * self.trace.bin_seconds
        replay = (edges - self.start_hour * 3600) / self.speed
        inner = replay[(replay > start_seconds) & (replay < end_seconds)]
        return np.concatenate(([start_seconds], inner, [end_seconds]))


@dataclass(frozen=True)
class SteadyScenario:
    """Poisson arrivals at one rate with one length: for capacity measurements."""

    requests_per_second: float
    input_tokens: int
    output_tokens: int
    duration_seconds: float

    def schedule(self, seed: int, warmup_seconds: float = 0.0) -> Schedule:
        """Poisson arrivals at the rate."""
        edges = np.array([-warmup_seconds, self.duration_seconds])
        expected = np.diff(edges) * self.requests_per_second
        times = poisson_arrivals(edges, expected, np.random.default_rng(seed))
        lengths = LengthPool(np.array([self.input_tokens]), np.array([self.output_tokens]))
        return merge((STEADY,), [times], [lengths])


@dataclass(frozen=True)
class RecordedScenario:
    """The exact arrivals of a file of requests, `speed` times as fast.

    A request is kept with probability `scale`, which keeps the file's burstiness only in part:
    thinning moves any process towards Poisson.
    """

    path: Path
    speed: float = 1.0
    scale: float = 1.0

    @property
    def duration_seconds(self) -> float:
        """Until the last arrival of the file."""
        return float(read_arrivals(self.path)[0][-1]) / self.speed

    def schedule(self, seed: int, warmup_seconds: float = 0.0) -> Schedule:
        """The file's arrivals; there is nothing before its start, so no warm-up either."""
        del warmup_seconds
        arrivals, lengths = read_arrivals(self.path)
        kept = np.random.default_rng(seed).uniform(size=len(arrivals)) < self.scale
        pool = LengthPool(lengths.input_tokens[kept], lengths.output_tokens[kept])
        return merge((self.path.stem,), [arrivals[kept] / self.speed], [pool])
