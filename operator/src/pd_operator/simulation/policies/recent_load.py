"""What came in the last seconds, for policies that look at nothing else."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from pd_operator.demand import Demand, FloatArray, LengthDistribution
from pd_operator.simulation.snapshot import Snapshot


@dataclass(frozen=True)
class Recent:
    """Means over a window: requests per second, and tokens of prompts and of whole answers."""

    requests_per_second: float
    prompt_tokens: float
    output_tokens: float


class RecentLoad:
    """Keeps the snapshots of the last `window_seconds`, one at least.

    Answers are those that ended; before the first there is no reading.
    """

    def __init__(self, window_seconds: float) -> None:
        self._window = window_seconds
        self._seen: deque[tuple[float, FloatArray, FloatArray]] = deque()
        self._begin = 0.0
        self._answers = np.empty(0)

    def see(self, snapshot: Snapshot) -> None:
        """Take what came since the last snapshot."""
        arrived, completed = snapshot.arrived, snapshot.completed
        prompts = (arrived.prompt_tokens - arrived.cached_tokens).astype(np.float64)
        answers = completed.output_tokens[np.isfinite(snapshot.ttft_seconds)].astype(np.float64)
        self._seen.append((snapshot.time_seconds, prompts, answers))
        oldest = snapshot.time_seconds - self._window
        while len(self._seen) > 1 and self._seen[0][0] <= oldest:
            self._begin, *_ = self._seen.popleft()
        newest = np.concatenate([answers for *_, answers in self._seen])
        self._answers = newest if len(newest) else self._answers

    def means(self) -> Recent | None:
        """The window's means; None without a request or an answer."""
        prompts = self._prompts()
        if not len(prompts) or not len(self._answers):
            return None
        return Recent(self._rate(prompts), float(prompts.mean()), float(self._answers.mean()))

    def demand(self) -> Demand | None:
        """The same with the lengths' distributions."""
        prompts = self._prompts()
        if not len(prompts) or not len(self._answers):
            return None
        return Demand(
            self._rate(prompts),
            LengthDistribution.from_samples(prompts),
            LengthDistribution.from_samples(self._answers),
        )

    def _prompts(self) -> FloatArray:
        return np.concatenate([np.empty(0), *(prompts for _, prompts, _ in self._seen)])

    def _rate(self, prompts: FloatArray) -> float:
        return len(prompts) / (self._seen[-1][0] - self._begin)
