"""GPUs of our plans beside those that aiconfigurator 0.12.0 recommends on the same tables."""

from dataclasses import dataclass, replace

import numpy as np
from scripts.simulator_bench import against_dynamo
from scripts.simulator_bench.against_dynamo import replay
from scripts.sizing.cases import Case, Model, Outcome, simulated_requests

from pd_operator.api.router import PrefillPolicy
from pd_operator.performance import EngineSurfaces
from pd_operator.performance.table import FloatArray, MonotoneTable
from pd_operator.simulation import Pools

_REPLAYED_REQUESTS = 20_000

UTILIZATION_CAP = 0.95
"""For this comparison only: at 150 requests/s it takes prefill beyond our default of 0.85."""


@dataclass(frozen=True)
class Comparison:
    """A case, and GPUs: aiconfigurator's, and the goal for ours.

    `recommended` by `cli_recommend` for 1155 and 211 tokens, disaggregated: both of its pools are
    sized for the mean load with capacities derated by 0.9 and 0.92, and pairs of pools are
    repeated whole.
    """

    name: str
    model: Model
    requests_per_second: float
    recommended: int
    goal: int

    def case(self, utilization_cap: float = UTILIZATION_CAP) -> Case:
        """The load, behind a router that knows every worker's load, all sizes open."""
        return Case(
            self.model,
            self.requests_per_second,
            PrefillPolicy.LEAST_LOAD,
            utilization_cap=utilization_cap,
        )

    def replayed(self, python: str) -> tuple[float, float]:
        """Shares within TTFT and within TPOT in Dynamo's replay, behind its load-aware router.

        Dynamo's prefill makes the first token with a decode step of its own after each pass; the
        profile's pass has it in, so the tables are given without that step.
        """
        case = self.case()
        service, pools = case.service(), case.sizing.plan
        seen = replay(
            against_dynamo.Case(
                self.name,
                simulated_requests(self.requests_per_second).part(0, _REPLAYED_REQUESTS),
                without_first_step(service.prefill),
                Pools(pools.prefill.workers, pools.decode.workers),
                service.transfer_bytes_per_second,
                decode_worker=service.decode,
                router="kv_router",
            ),
            python,
        )
        ttft, tpot = self.model.objectives.ttft.seconds, self.model.objectives.tpot.seconds
        return float((seen.ttft <= ttft).mean()), float((seen.tpot <= tpot).mean())

    def simulated(self) -> Outcome:
        """What our plan comes to by simulation."""
        case = self.case()
        pools = case.sizing.plan
        return case.simulated(pools.prefill.workers, pools.decode.workers)


@dataclass(frozen=True)
class Compared:
    """A comparison, its plan simulated, and shares within both objectives in Dynamo's replay."""

    comparison: Comparison
    simulated: Outcome
    replayed: tuple[float, float] | None


@dataclass(frozen=True)
class _LessAStep(MonotoneTable):
    """Prefill passes less a decode step of their prompts."""

    step: MonotoneTable

    def at_each(self, x: FloatArray | float, y: FloatArray | float) -> FloatArray:
        """Seconds of passes over `y` prompts of `x` tokens, at least half a millisecond."""
        return np.maximum(5e-4, super().at_each(x, y) - self.step.at_each(y, x))


def without_first_step(worker: EngineSurfaces) -> EngineSurfaces:
    """The worker with passes to which a decode step is yet to be added."""
    table = worker.prefill
    return replace(worker, prefill=_LessAStep(table.xs, table.ys, table.rows, worker.decode_step))


COMPARISONS = (
    Comparison("qwen3-32b-h100-20", Model("qwen3-32b-h100", 2, 1000, 40), 20, 8, 6),
    Comparison("llama-3.1-8b-h100-50", Model("llama-3.1-8b-h100", 1, 300, 12), 50, 4, 4),
    Comparison("llama-3.1-70b-h100-20", Model("llama-3.1-70b-h100", 4, 800, 25), 20, 16, 12),
    Comparison("llama-3.1-70b-h100-150", Model("llama-3.1-70b-h100", 4, 800, 25), 150, 120, 76),
)
