"""When each step of a decode batch ends, while its membership does not change."""

from dataclasses import dataclass

from pd_operator.performance.timing import Timings

_ROUNDING = 1e-9


@dataclass(slots=True)
class StepClock:
    """An absolute schedule of decode steps, anchored where the batch last changed.

    Between two changes the batch is constant and the step time is near linear in the context,
    so `n` steps take `n` times the step at their mean context. Nothing accumulates from wake-up
    to wake-up: an operating system that wakes us late does not slow the schedule.
    """

    timings: Timings
    anchor: float = 0.0
    batch: int = 0
    context_tokens: float = 0.0

    def start(self, at: float, batch: int, total_tokens: int) -> None:
        """Anchor a run of `batch` sequences with `total_tokens` of context in all at `at`."""
        self.anchor = at
        self.batch = batch
        self.context_tokens = total_tokens / batch if batch else 0.0

    def seconds(self, steps: int) -> float:
        """Seconds that the first `steps` steps of this run take."""
        if steps == 0:
            return 0.0
        mean_context = self.context_tokens + (steps - 1) / 2
        return steps * self.timings.decode_step(self.batch, mean_context)

    def end_of(self, steps: int) -> float:
        """When the first `steps` steps are done."""
        return self.anchor + self.seconds(steps)

    def steps_by(self, now: float) -> int:
        """Steps that are done by `now`."""
        elapsed = now - self.anchor + _ROUNDING
        if elapsed <= 0:
            return 0
        steps = int(elapsed / self.seconds(1))
        while steps and self.seconds(steps) > elapsed:
            steps -= 1
        while self.seconds(steps + 1) <= elapsed:
            steps += 1
        return steps

    def boundary_after(self, now: float) -> int:
        """Steps that are done at the first step boundary at or after `now`."""
        steps = self.steps_by(now)
        return steps if self.end_of(steps) >= now - _ROUNDING else steps + 1
