"""What someone who knew the day in advance would have run.

The planner of the operator is asked for the workers that the *expected* offered load of every
moment needs, with no forecast, no head-room for its error, no start-up time and no delay before
scaling down. Its sum is what perfect knowledge pays; its maxima, held all day, are what a service
pays that is sized for its peak.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pd_e2e.loadgen.scenario import TraceScenario
from pd_e2e.loadgen.schedule import FloatArray, IntArray, LengthPool
from pd_operator.api.roles import Role
from pd_operator.demand import Demand, LengthDistribution
from pd_operator.planning.plan import Plan

STEP_SECONDS = 5.0
WINDOW_SECONDS = 30.0
"""The load of a moment is the mean over so long around it: about the time a worker needs to
start, and long enough that the trace's own unrest does not count as a need of its own."""

Planner = Callable[[Demand], Plan]


@dataclass(frozen=True)
class GpusPerWorker:
    """GPUs that one worker of each role holds."""

    prefill: int
    decode: int

    def of(self, role: Role) -> int:
        """GPUs of one worker of `role`."""
        return self.prefill if role is Role.PREFILL else self.decode


@dataclass(frozen=True, eq=False)
class NeededWorkers:
    """Workers that the load needs: entry i holds from `seconds[i]` for `bin_seconds`."""

    seconds: FloatArray
    bin_seconds: float
    prefill: IntArray
    decode: IntArray

    def of(self, role: Role) -> IntArray:
        """Needed workers of `role`."""
        return self.prefill if role is Role.PREFILL else self.decode

    def first_need(
        self, role: Role, workers: int, start_seconds: float, end_seconds: float
    ) -> float | None:
        """The first second from `start_seconds` to `end_seconds` that needs `workers`, or None."""
        overlaps = (self.seconds + self.bin_seconds > start_seconds) & (self.seconds < end_seconds)
        needing = self.seconds[overlaps & (self.of(role) >= workers)]
        return max(float(needing[0]), start_seconds) if len(needing) else None

    def gpu_seconds(self, gpus: GpusPerWorker) -> float:
        """What perfect knowledge would pay."""
        workers = self.prefill * gpus.prefill + self.decode * gpus.decode
        return float(workers.sum() * self.bin_seconds)

    def gpu_seconds_static_peak(self, gpus: GpusPerWorker) -> float:
        """What holding each pool at its own maximum of the day would pay."""
        peak = int(self.prefill.max()) * gpus.prefill + int(self.decode.max()) * gpus.decode
        return float(peak * self.bin_seconds * len(self.seconds))


def needed_workers(
    scenario: TraceScenario,
    planner: Planner,
    bin_seconds: float = STEP_SECONDS,
    window_seconds: float = WINDOW_SECONDS,
) -> NeededWorkers:
    """Ask `planner` about the expected load in the middle of every step of the replay."""
    steps = round(scenario.duration_seconds / bin_seconds)
    seconds = np.arange(steps, dtype=np.float64) * bin_seconds
    rates = scenario.mean_rates(seconds + bin_seconds / 2, window_seconds)
    shapes = [RequestShape.of(scenario.trace.lengths[name]) for name in scenario.services]
    plans = [planner(mixed_demand(shapes, column)) for column in rates.T.tolist()]
    return NeededWorkers(
        seconds=seconds,
        bin_seconds=bin_seconds,
        prefill=np.array([plan.prefill.workers for plan in plans]),
        decode=np.array([plan.decode.workers for plan in plans]),
    )


@dataclass(frozen=True)
class RequestShape:
    """The lengths of one service's requests.

    `decode_context` is E[isl osl + osl^2 / 2]: a sequence is in decode for as long as its answer
    is, and its context grows by one token per token, so the mean context over time is this sum
    over E[osl].
    """

    prompts: LengthDistribution
    answers: LengthDistribution
    decode_context: float

    @classmethod
    def of(cls, pool: LengthPool) -> "RequestShape":
        """Condense observed requests."""
        inputs = pool.input_tokens.astype(np.float64)
        outputs = pool.output_tokens.astype(np.float64)
        return cls(
            prompts=LengthDistribution.from_samples(inputs),
            answers=LengthDistribution.from_samples(outputs),
            decode_context=float((inputs * outputs + outputs**2 / 2).mean()),
        )


def mixed_demand(shapes: Sequence[RequestShape], requests_per_second: Sequence[float]) -> Demand:
    """The demand of several services together, each with its own lengths and rate."""
    rates = list(requests_per_second)
    answers = LengthDistribution.mixture(
        (shape.answers, rate) for shape, rate in zip(shapes, rates, strict=True)
    )
    contexts = sum(shape.decode_context * rate for shape, rate in zip(shapes, rates, strict=True))
    return Demand(
        requests_per_second=sum(rates),
        prompt_tokens=LengthDistribution.mixture(
            (shape.prompts, rate) for shape, rate in zip(shapes, rates, strict=True)
        ),
        output_tokens=answers,
        context_tokens_mean=contexts / (sum(rates) * answers.mean),
    )
