"""The highest rate at which workers keep the objectives, found by simulation."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pd_operator.api.router import PrefillPolicy
from pd_operator.demand import FloatArray, LengthDistribution
from pd_operator.performance import EngineSurfaces
from pd_operator.planning.decode import DecodeLoad
from pd_operator.planning.load import Load
from pd_operator.planning.objectives import Objectives
from pd_operator.simulation import Pools, Requests, ServiceModel, simulate

_WITHOUT_NETWORK = 1e15
_SPARE_PREFILLS = 64
_LOWEST_RATE, _HIGHEST_RATE = 1e-3, 1e6
_MAXIMUM_REQUESTS = 30_000


@dataclass(frozen=True)
class Trial:
    """How a rate is tried.

    - `requests`: simulated for each rate, at least. DistServe's artifact takes 300, of which P90 is
      the 30th from the end; with so few, its answers are 10 % too high and move with the seed.
    - `lifetimes`: of a request that a simulation lasts, at least: a large decode batch takes as
      long to fill, and until then every rate seems bearable.
    - `precision`: relative, at which the search for the rate ends.
    """

    requests: int = 8000
    lifetimes: float = 6.0
    precision: float = 0.02
    seed: int = 1

    def load(self, load: Load, requests_per_second: float, lifetime_seconds: float) -> Requests:
        """Requests of the load's lengths, Poisson arrivals. The same draws at every rate."""
        lasting = math.ceil(requests_per_second * self.lifetimes * lifetime_seconds)
        count = min(max(self.requests, lasting), _MAXIMUM_REQUESTS)
        arrivals, prompts, outputs = (np.random.default_rng((self.seed, i)) for i in range(3))
        return Requests.of(
            np.cumsum(arrivals.exponential(1.0, count)) / requests_per_second,
            _draw(load.prefill.prompt_tokens, count, prompts),
            _draw(load.decode.output_tokens, count, outputs),
        )


def prefill_goodput(
    worker: EngineSurfaces, load: Load, objectives: Objectives, trial: Trial
) -> float:
    """Requests per second of one prefill worker within the TTFT objective, decode left out."""
    service = ServiceModel(worker, worker, _WITHOUT_NETWORK, 0.0)

    def kept(rate: float) -> bool:
        asked = trial.load(load, rate, objectives.ttft.seconds)
        alone = Requests.of(asked.arrival_seconds, asked.prompt_tokens, 1)
        result = simulate(alone, service, Pools(1, 1), seed=trial.seed)
        return result.attained(objectives).ttft >= objectives.ttft.share

    lengths = load.prefill.prompt_tokens
    mean = float(lengths.probabilities @ worker.prefill_seconds_each(lengths.values))
    return _highest(kept, trial.precision, 0.7 / mean)


def decode_goodput(
    worker: EngineSurfaces, load: Load, objectives: Objectives, trial: Trial
) -> float:
    """Requests per second of one decode worker within the TPOT objective, prefill left out.

    Prompts come as if all but one of their tokens were cached, to more prefill workers than are
    needed. What is left of TTFT is the wait for KV room, which counts: a batch that is held small
    by its memory keeps TPOT at any rate.
    """
    service = ServiceModel(
        worker, worker, _WITHOUT_NETWORK, 0.0, prefill_policy=PrefillPolicy.ROUND_ROBIN
    )
    lifetime = _lifetime_seconds(load, objectives)

    def kept(rate: float) -> bool:
        asked = trial.load(load, rate, lifetime)
        alone = Requests.of(
            asked.arrival_seconds,
            asked.prompt_tokens,
            asked.output_tokens,
            asked.prompt_tokens - 1,
        )
        result = simulate(alone, service, Pools(_SPARE_PREFILLS, 1), seed=trial.seed)
        attained = result.attained(objectives)
        return attained.tpot >= objectives.tpot.share and attained.ttft >= objectives.ttft.share

    return _highest(kept, trial.precision, _decode_guess(worker, load, objectives))


def unit_goodput(
    prefill: EngineSurfaces,
    decode: EngineSurfaces,
    load: Load,
    objectives: Objectives,
    trial: Trial,
) -> float:
    """Requests per second of one prefill and one decode worker of a node, both objectives met.

    Within a node KV moves over NVLink, which is as good as at once.
    """
    service = ServiceModel(prefill, decode, _WITHOUT_NETWORK, 0.0)
    share = min(objectives.ttft.share, objectives.tpot.share)
    lifetime = _lifetime_seconds(load, objectives)

    def kept(rate: float) -> bool:
        asked = trial.load(load, rate, lifetime)
        result = simulate(asked, service, Pools(1, 1), seed=trial.seed)
        return result.attained(objectives).joint >= share

    lengths = load.prefill.prompt_tokens
    mean = float(lengths.probabilities @ prefill.prefill_seconds_each(lengths.values))
    guess = min(0.7 / mean, _decode_guess(decode, load, objectives))
    return _highest(kept, trial.precision, guess)


def _lifetime_seconds(load: Load, objectives: Objectives) -> float:
    return objectives.ttft.seconds + load.decode.output_tokens.mean * objectives.tpot.seconds


def _decode_guess(worker: EngineSurfaces, load: Load, objectives: Objectives) -> float:
    """The planner's answer, from which the search sets out."""
    decode = DecodeLoad(load.decode, worker, objectives.tpot, _WITHOUT_NETWORK)
    _, batch = decode.tightest
    return decode.steps.tokens_per_second(batch) / max(1.0, load.decode.output_tokens.mean)


def _highest(kept: Callable[[float], bool], precision: float, guess: float) -> float:
    """The highest rate that is kept, which is true first and then false; 0 where none is."""
    low, high = guess, guess
    while high < _HIGHEST_RATE and kept(high):
        low, high = high, 1.5 * high
    while low == high or not kept(low):
        if low < _LOWEST_RATE:
            return 0.0
        low, high = low / 1.5, low
    while high - low > precision * high:
        middle = (low + high) / 2
        if kept(middle):
            low = middle
        else:
            high = middle
    return low


def _draw(lengths: LengthDistribution, count: int, rng: np.random.Generator) -> FloatArray:
    tokens: FloatArray = rng.choice(lengths.values, count, p=lengths.probabilities)
    return np.maximum(1.0, np.rint(tokens))
