"""Seconds of a decode step over its batch, at one context: what fixed points are solved on.

The profile's tables are linear between their points, so every question here has an exact answer
on one of the pieces and nothing is searched for.
"""

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property

from pd_operator.performance import EngineSurfaces


@dataclass(frozen=True)
class StepCurve:
    """A step of `batches[i]` sequences takes `seconds[i]`, which never falls; linear in between.

    Below the first point a step takes as long as there, beyond the last it grows by `slope`
    seconds per sequence.
    """

    batches: tuple[float, ...]
    seconds: tuple[float, ...]
    slope: float

    @classmethod
    def of(cls, worker: EngineSurfaces, context_tokens: float) -> "StepCurve":
        """The curve of one worker with sequences of that mean context."""
        batches = worker.decode_step.xs
        seconds = tuple(worker.decode_step_seconds(b, context_tokens) for b in batches)
        twice = worker.decode_step_seconds(2 * batches[-1], context_tokens)
        return cls(batches, seconds, (twice - seconds[-1]) / batches[-1])

    def at(self, batch: float) -> float:
        """Seconds of a step of `batch` sequences."""
        if batch >= self.batches[-1]:
            return self.seconds[-1] + self.slope * (batch - self.batches[-1])
        if batch <= self.batches[0]:
            return self.seconds[0]
        i = bisect_right(self.batches, batch)
        return self._between(i, batch)

    def largest_within(self, seconds: float) -> float:
        """The largest batch whose step takes at most `seconds`; 0 where none does."""
        if seconds < self.seconds[0]:
            return 0.0
        if seconds >= self.seconds[-1]:
            beyond = (seconds - self.seconds[-1]) / self.slope if self.slope > 0 else math.inf
            return self.batches[-1] + beyond
        i = bisect_right(self.seconds, seconds)
        rise = self.seconds[i] - self.seconds[i - 1]
        share = (seconds - self.seconds[i - 1]) / rise
        return self.batches[i - 1] + share * (self.batches[i] - self.batches[i - 1])

    def best_batch(self, most: float) -> float:
        """The batch up to `most` that yields most tokens per second; of equals the smallest.

        Tokens per second B / tau(B) rise or fall throughout a linear piece, so the best batch is
        a point of the table or `most` itself.
        """
        if most <= self.batches[0]:
            return most
        i = bisect_left(self.batches, most) - 1
        known = self._best_of_first[i]
        return most if self.tokens_per_second(most) > self.tokens_per_second(known) else known

    def tokens_per_second(self, batch: float) -> float:
        """What one worker generates with `batch` sequences running."""
        return batch / self.at(batch)

    def fixed_point(self, tokens_per_second: float) -> float:
        """Mean sequences of a worker that has to generate that much: B = rate tau(B).

        The least one, where the queue of a worker that starts empty comes to rest. Infinite where
        there is none: sequences arrive faster than they leave whatever the batch, which is so
        where rate times tau's slope is one or more throughout.
        """
        rate = tokens_per_second
        if rate * self.seconds[0] <= self.batches[0]:
            return rate * self.seconds[0]
        for i in range(1, len(self.batches)):
            surplus = rate * self.seconds[i] - self.batches[i]
            if surplus <= 0:
                before = rate * self.seconds[i - 1] - self.batches[i - 1]
                step = self.batches[i] - self.batches[i - 1]
                return self.batches[i - 1] + step * before / (before - surplus)
        steady = 1 - rate * self.slope
        if steady <= 0:
            return math.inf
        return self.batches[-1] + (rate * self.seconds[-1] - self.batches[-1]) / steady

    @cached_property
    def _best_of_first(self) -> tuple[float, ...]:
        """For each point the best one up to it."""
        best = [self.batches[0]]
        for batch in self.batches[1:]:
            better = self.tokens_per_second(batch) > self.tokens_per_second(best[-1])
            best.append(batch if better else best[-1])
        return tuple(best)

    def _between(self, i: int, batch: float) -> float:
        low, high = self.batches[i - 1], self.batches[i]
        share = (batch - low) / (high - low)
        return self.seconds[i - 1] + share * (self.seconds[i] - self.seconds[i - 1])
