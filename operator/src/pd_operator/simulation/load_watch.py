"""The load as an operator's Prometheus would have it, gathered from snapshots."""

import math
from collections import deque

import numpy as np

from pd_operator.demand import (
    ENOUGH_REQUESTS,
    NO_LENGTH_SEEN,
    Demand,
    DemandHistory,
    FloatArray,
    LengthDistribution,
)
from pd_operator.scaling.observation import Known, Reading, Unknown
from pd_operator.simulation.snapshot import Snapshot

_SOURCE = "simulation"


class LoadWatch:
    """Counts requests by their arrival, answers by their end, and looks at what decode holds.

    - `history`: all bins of `bin_seconds` that are over.
    - `window_seconds`: how long ago is the present, in whole snapshots, one at least.
    """

    def __init__(
        self, bin_seconds: float, window_seconds: float, history: DemandHistory | None
    ) -> None:
        self._step = bin_seconds
        self._window = window_seconds
        nothing = np.empty(0)
        self.history = history or DemandHistory(0.0, bin_seconds, nothing, nothing, nothing)
        self._arrivals: deque[tuple[float, FloatArray]] = deque()
        self._answers: deque[tuple[float, FloatArray]] = deque()
        self._batches: deque[tuple[float, int, int]] = deque()
        self._bins: dict[int, _Bin] = {}
        self._window_begins = 0.0
        self._seen_until = -math.inf
        self._unseen: set[int] = set()

    def see(self, snapshot: Snapshot) -> None:
        """Take what came and what was completed since the last snapshot."""
        now, arrived, completed = snapshot.seen_seconds, snapshot.arrived, snapshot.completed
        if now <= self._seen_until:
            return
        self._seen_until = now
        if snapshot.unseen is not None:
            self._leave_out(*snapshot.unseen)
        prompts = (arrived.prompt_tokens - arrived.cached_tokens).astype(np.float64)
        numbers = np.ceil(arrived.arrival_seconds / self._step).astype(int) - 1
        for number in np.unique(numbers):
            self._bin(int(number)).prompts.append(prompts[numbers == number])
        outputs = completed.output_tokens[np.isfinite(snapshot.ttft_seconds)].astype(np.float64)
        self._bin(math.ceil(now / self._step) - 1).answers.append(outputs)
        self._arrivals.append((now, prompts))
        self._answers.append((now, outputs))
        decodes = snapshot.decode.workers
        contexts = sum(worker.context_tokens for worker in decodes)
        self._batches.append((now, contexts, sum(worker.running_requests for worker in decodes)))
        self._forget(now)
        self._close_bins(now)

    def demand(self, now: float) -> Reading[Demand]:
        """What was offered in the window before `now`, the end of what was seen."""
        prompts = _joined(self._arrivals)
        outputs = _joined(self._answers)
        if not len(outputs) and len(prompts):
            return Unknown("NoSeries", _SOURCE, "No answer is complete yet.")
        if now <= self._window_begins:
            return Unknown("NoSeries", _SOURCE, "There is but one scrape since there were none.")
        rate = len(prompts) / (now - self._window_begins)
        demand = Demand(rate, _lengths(prompts), _lengths(outputs), self._context_tokens_mean())
        return Known(demand, 0.0, _SOURCE)

    def _context_tokens_mean(self) -> float | None:
        """Of a sequence in decode, over the window; None where none ran."""
        contexts = sum(contexts for _, contexts, _ in self._batches)
        running = sum(running for _, _, running in self._batches)
        return contexts / running if running else None

    def _bin(self, number: int) -> "_Bin":
        return self._bins.setdefault(number, _Bin())

    def _leave_out(self, begin: float, end: float) -> None:
        """Nobody knows what came from `begin` to `end`: those bins are missing, not empty."""
        self._unseen |= set(range(math.floor(begin / self._step), math.ceil(end / self._step)))
        self._arrivals.clear()
        self._window_begins = end

    def _forget(self, now: float) -> None:
        """Drop what the window has left behind, but for the last answers."""
        oldest = now - self._window
        while len(self._arrivals) > 1 and self._arrivals[0][0] <= oldest:
            self._window_begins, _ = self._arrivals.popleft()
        while self._batches and self._batches[0][0] <= oldest:
            self._batches.popleft()
        kept = sum(len(outputs) for _, outputs in self._answers)
        while self._answers and self._answers[0][0] <= oldest:
            kept -= len(self._answers[0][1])
            if kept < ENOUGH_REQUESTS:
                break
            self._answers.popleft()

    def _close_bins(self, now: float) -> None:
        step, first = self._step, round(self.history.end_seconds / self._step)
        numbers = range(first, math.floor(now / step))
        ended = [self._bins.pop(number, _Bin()) for number in numbers]
        if ended:
            rates = [
                math.nan if number in self._unseen else one.requests / step
                for number, one in zip(numbers, ended, strict=True)
            ]
            newer = DemandHistory(
                start_seconds=first * step,
                bin_seconds=step,
                requests_per_second=np.array(rates),
                prompt_tokens_mean=np.array([_mean(one.prompts) for one in ended]),
                output_tokens_mean=np.array([_mean(one.answers) for one in ended]),
            )
            self.history = self.history.extended_with(newer) if len(self.history) else newer


class _Bin:
    """Tokens of the prompts that came and of the answers that ended within one bin."""

    def __init__(self) -> None:
        self.prompts: list[FloatArray] = []
        self.answers: list[FloatArray] = []

    @property
    def requests(self) -> int:
        return sum(map(len, self.prompts))


def _mean(parts: list[FloatArray]) -> float:
    tokens = np.concatenate([np.empty(0), *parts])
    return float(tokens.mean()) if len(tokens) else math.nan


def _joined(parts: deque[tuple[float, FloatArray]]) -> FloatArray:
    return np.concatenate([np.empty(0), *(tokens for _, tokens in parts)])


def _lengths(tokens: FloatArray) -> LengthDistribution:
    """Without a request the lengths do not matter: the rate is zero."""
    return LengthDistribution.from_samples(tokens) if len(tokens) else NO_LENGTH_SEEN
