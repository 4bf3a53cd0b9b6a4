"""The surfaces' tables, laid out for a simulation that asks them a million times a second."""

from bisect import bisect_right

import numpy as np

from pd_operator.performance.timing import Timings

Line = tuple[float, float, float]


class PassTimes:
    """Seconds of prefill passes, as `Timings.prefill_pass` has them.

    A pass over one prompt, which most are, is one look-up by its tokens, up to `longest`.
    """

    __slots__ = ("_longest", "_timings", "single")

    def __init__(self, timings: Timings, longest: int) -> None:
        self._timings = timings
        self._longest = longest
        lengths = np.arange(longest + 1, dtype=np.float64)
        seconds = timings.surfaces.prefill_seconds_each(lengths) * timings.pace
        self.single: list[float] = seconds.tolist()

    def seconds(self, new_tokens: int, prompts: int) -> float:
        """Seconds of a pass over `new_tokens` of so many prompts together."""
        if prompts == 1 and new_tokens <= self._longest:
            return self.single[new_tokens]
        timings = self._timings
        return timings.surfaces.prefill_seconds(new_tokens / prompts, prompts) * timings.pace

    def attention_seconds(self, new_tokens: int, cached_tokens: int) -> float:
        """Seconds that `cached_tokens` add to a pass over `new_tokens`."""
        return self._timings.attention_seconds(new_tokens, cached_tokens) * self._timings.pace


class StepTimes:
    """Seconds of decode steps: for each batch, a line in the context from kink to kink.

    Between two points of the table a step takes `a + b c` seconds at a mean context of `c`
    tokens, so `n` steps from context `c` on, each one token longer, take
    `n (a + b (c + (n - 1) / 2))`: exact, and with an inverse in closed form.
    """

    __slots__ = ("_contexts", "_lines", "_timings")

    def __init__(self, timings: Timings) -> None:
        self._timings = timings
        self._contexts = timings.surfaces.decode_step.ys
        self._lines: dict[int, tuple[Line, ...]] = {}

    def line(self, batch: int, context: float) -> Line:
        """`(a, b, end)`: the line that holds at `context`, up to the context `end`."""
        lines = self._lines.get(batch)
        if lines is None:
            lines = self._lines[batch] = self._lines_of(batch)
        return lines[bisect_right(self._contexts, context)]

    def _lines_of(self, batch: int) -> tuple[Line, ...]:
        """Lines before the first point, between each two, and beyond the last."""
        points = (*self._contexts, self._contexts[-1] + 1.0)
        step = self._timings.decode_step
        seconds = [step(batch, context) for context in points]
        lines = [(seconds[0], 0.0, points[0])]
        for i in range(len(points) - 1):
            slope = (seconds[i + 1] - seconds[i]) / (points[i + 1] - points[i])
            lines.append((seconds[i] - slope * points[i], slope, points[i + 1]))
        *inside, (a, b, _) = lines
        return (*inside, (a, b, float("inf")))
