"""The loads that sizing is judged on, and the simulation that judges."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pd_operator.api.router import PrefillPolicy
from pd_operator.demand import FloatArray
from pd_operator.performance import load_bundled
from pd_operator.planning.engine import RouterClass
from pd_operator.planning.limits import Limits
from pd_operator.planning.load import OUTPUT_CV, PROMPT_CV, steady_load
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.planning.search import Sizing, search_plan
from pd_operator.simulation import Attained, Pools, Requests, ServiceModel, simulate

REQUESTS, SEED = 100_000, 11
PROMPT, OUTPUT = 1155.0, 211.0
"""Mean tokens of the Azure conversation trace of 2023."""

BYTES_PER_SECOND_PER_GPU = 50e9
RATES = (5.0, 20.0, 50.0, 150.0)
ROUTERS = (PrefillPolicy.LEAST_LOAD, PrefillPolicy.ROUND_ROBIN)
SHARE = 0.9


@dataclass(frozen=True)
class Model:
    """A profile, the size of its workers, and the P90 objectives in milliseconds."""

    profile: str
    tensor_parallel_size: int
    ttft: float
    tpot: float

    @property
    def objectives(self) -> Objectives:
        """Both, in seconds."""
        return Objectives(Objective(90, self.ttft / 1e3), Objective(90, self.tpot / 1e3))


MODELS = (
    Model("llama-3.1-8b-h100", 1, 300, 12),
    Model("qwen3-32b-h100", 2, 1000, 40),
    Model("qwen3-32b-h200", 2, 1000, 40),
    Model("llama-3.1-70b-h100", 4, 800, 25),
    Model("deepseek-v3-h200", 8, 1000, 40),
)


@dataclass(frozen=True)
class Case:
    """A model under a load behind a router; `sizes` None leaves the sizes of workers open."""

    model: Model
    requests_per_second: float
    router: PrefillPolicy
    sizes: tuple[int, ...] = ()
    utilization_cap: float = 0.85

    @cached_property
    def sizing(self) -> Sizing:
        """What the planner says."""
        return self.plan_now()

    def plan_now(self) -> Sizing:
        """The same, reckoned anew."""
        return search_plan(
            steady_load(self.requests_per_second, PROMPT, OUTPUT),
            self.model.objectives,
            load_bundled(self.model.profile),
            Limits(
                prefill_tensor_parallel=self.sizes,
                decode_tensor_parallel=self.sizes,
                transfer_bytes_per_second_per_gpu=BYTES_PER_SECOND_PER_GPU,
                utilization_cap=self.utilization_cap,
            ),
            RouterClass.of(self.router),
        )

    def service(self) -> ServiceModel:
        """The service of the plan's workers."""
        profile = load_bundled(self.model.profile)
        pools = self.sizing.plan
        prefill = profile.surfaces(pools.prefill.tensor_parallel_size)
        return ServiceModel(
            prefill=prefill,
            decode=profile.surfaces(pools.decode.tensor_parallel_size),
            transfer_bytes_per_second=BYTES_PER_SECOND_PER_GPU * prefill.gpus,
            prefill_policy=self.router,
        )

    def simulated(self, prefill: int, decode: int) -> "Outcome":
        """What a simulation with so many workers comes to."""
        requests = simulated_requests(self.requests_per_second)
        result = simulate(requests, self.service(), Pools(prefill, decode), seed=SEED)
        return Outcome(
            result.attained(self.model.objectives),
            result.ttft_quantile(SHARE),
            result.tpot_quantile(SHARE),
        )

    def use_of(self, prefill: int) -> float:
        """Share of the time that so many prefill workers are asked to be busy."""
        planned = self.sizing.plan.prefill
        return planned.utilization * planned.workers / prefill


@dataclass(frozen=True)
class Outcome:
    """Of one simulation: shares within the objectives, and P90 latencies in seconds."""

    attained: Attained
    ttft: float
    tpot: float

    @property
    def kept(self) -> bool:
        """Whether both objectives are met, each by itself."""
        return self.attained.ttft >= SHARE and self.attained.tpot >= SHARE


def all_cases() -> tuple[Case, ...]:
    """Five models, four rates, two routers."""
    return tuple(
        Case(model, rate, router, (model.tensor_parallel_size,))
        for model in MODELS
        for rate in RATES
        for router in ROUTERS
    )


def simulated_requests(requests_per_second: float) -> Requests:
    """Poisson arrivals, lognormal lengths; the same prompts and gaps at every rate."""
    rng = np.random.default_rng(SEED)
    gaps = rng.exponential(1.0, REQUESTS)
    prompt, output = (
        np.maximum(1, np.rint(_lognormal(rng, mean, cv)))
        for mean, cv in ((PROMPT, PROMPT_CV), (OUTPUT, OUTPUT_CV))
    )
    return Requests.of(np.cumsum(gaps) / requests_per_second, prompt, output)


def _lognormal(rng: np.random.Generator, mean: float, cv: float) -> FloatArray:
    variance = np.log1p(cv**2)
    return rng.lognormal(np.log(mean) - variance / 2, np.sqrt(variance), REQUESTS)
