"""Services so simple that there is an exact answer."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from pd_operator.api.router import PrefillPolicy
from pd_operator.performance import EngineSurfaces
from pd_operator.performance.table import MonotoneTable
from pd_operator.planning.queueing import Service, Waiting, erlang_c, pollaczek_khinchine, quantile
from pd_operator.simulation import EngineLimits, Pools, Requests, ServiceModel, simulate

ONE_BY_ONE = EngineLimits(chunk_tokens=None, pass_tokens=1)
COUNT = 40_000


def arrivals(rate: float, seed: int = 1) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).exponential(1 / rate, COUNT))


def one_by_one(surfaces: EngineSurfaces, policy: PrefillPolicy) -> ServiceModel:
    """A prefill of 0.1 ms per token, one prompt per pass, and a decode that is never in the way."""
    return ServiceModel(
        surfaces,
        replace(surfaces, kv_capacity_tokens=10**9),
        transfer_bytes_per_second=1e15,
        transfer_base_seconds=0.0,
        prefill_policy=policy,
        limits=ONE_BY_ONE,
    )


@pytest.mark.parametrize("spread", [0.0, 0.5, 1.2], ids=["M/D/1", "M/G/1", "M/G/1, heavy tail"])
@pytest.mark.parametrize("workers", [1, 3])
def test_prompts_wait_as_pollaczek_and_khinchine_have_it(
    surfaces: EngineSurfaces, spread: float, workers: int
) -> None:
    rate, mean = 0.7 * workers / 0.1, 1000
    rng = np.random.default_rng(5)
    tokens = rng.lognormal(np.log(mean) - spread**2 / 2, spread, COUNT).clip(1).astype(int)
    result = simulate(
        Requests.of(arrivals(rate), tokens, 1),
        one_by_one(surfaces, PrefillPolicy.RANDOM),
        Pools(workers, 1),
        seed=2,
    )
    seconds = tokens * 1e-4
    service = Service(seconds, np.full(COUNT, 1 / COUNT))
    waited = float((result.ttft_seconds - seconds).mean())
    # The queue of a heavy tail is slow to forget: 40,000 prompts leave some noise.
    tolerance = 0.05 + 0.1 * spread
    assert waited == pytest.approx(
        pollaczek_khinchine(rate, workers, service, 1.0).mean, rel=tolerance
    )
    assert result.prefill.utilization == pytest.approx(rate * service.mean / workers, rel=0.03)


def test_the_more_a_router_knows_the_less_prompts_wait(surfaces: EngineSurfaces) -> None:
    tokens = np.random.default_rng(5).lognormal(np.log(600), 1.0, COUNT).clip(1).astype(int)
    requests = Requests.of(arrivals(21.0), tokens, 1)
    order = (
        PrefillPolicy.LEAST_LOAD,
        PrefillPolicy.POWER_OF_TWO,
        PrefillPolicy.ROUND_ROBIN,
        PrefillPolicy.RANDOM,
    )
    means = [
        simulate(requests, one_by_one(surfaces, policy), Pools(3, 1), seed=2).ttft_seconds.mean()
        for policy in order
    ]
    assert means == sorted(means)


@pytest.mark.parametrize("seats", [1, 4, 20])
def test_seats_of_a_batch_are_the_servers_of_m_m_c(surfaces: EngineSurfaces, seats: int) -> None:
    step = 1e-3
    constant = MonotoneTable((1.0, 2.0), (1.0, 2.0), ((step, step), (step, step)))
    service = replace(
        one_by_one(surfaces, PrefillPolicy.ROUND_ROBIN),
        decode=replace(surfaces, kv_capacity_tokens=10**9, decode_step=constant),
        limits=replace(ONE_BY_ONE, running_requests=seats),
    )
    steps = 500
    rate = 0.8 * seats / (steps * step)
    tokens = 1 + np.random.default_rng(6).geometric(1 / steps, COUNT)
    result = simulate(Requests.of(arrivals(rate), 1, tokens), service, Pools(1, 1))
    probability = erlang_c(seats, 0.8 * seats)
    waiting = Waiting(probability, steps * step / (seats - 0.8 * seats))
    # A prompt's own pass, and the end of the running step.
    waited = result.ttft_seconds - 1e-4 - step / 2
    assert waited.mean() == pytest.approx(waiting.mean, rel=0.1)
    assert (waited > step).mean() == pytest.approx(probability, rel=0.05)
    nothing = Service(np.array([0.0]), np.array([1.0]))
    assert np.quantile(waited, 0.9) == pytest.approx(quantile(0.9, waiting, nothing), rel=0.1)


def test_the_batch_is_what_arrives_while_it_steps(surfaces: EngineSurfaces) -> None:
    service = one_by_one(surfaces, PrefillPolicy.ROUND_ROBIN)
    tokens = np.random.default_rng(7).integers(2, 100, COUNT)
    result = simulate(Requests.of(arrivals(6.0), 100, tokens), service, Pools(1, 2))
    # Little: sequences in the batches are the rate times the time that each stays.
    stayed = np.nansum(result.tpot_seconds * (tokens - 1))
    assert result.decode.request_seconds == pytest.approx(stayed, rel=1e-3)


def test_more_workers_never_make_latencies_longer(surfaces: EngineSurfaces) -> None:
    rng = np.random.default_rng(8)
    requests = Requests.of(
        arrivals(20.0), rng.integers(100, 2000, COUNT), rng.integers(1, 100, COUNT)
    )
    service = ServiceModel(surfaces, surfaces)
    pools = [Pools(3, 2), Pools(4, 2), Pools(4, 3), Pools(6, 3), Pools(6, 6), Pools(12, 12)]
    results = [simulate(requests, service, size) for size in pools]
    for fewer, more in pairwise(results):
        for share in (0.5, 0.9, 0.99):
            assert more.ttft_quantile(share) <= 1.01 * fewer.ttft_quantile(share) + 0.001
            assert more.tpot_quantile(share) <= 1.01 * fewer.tpot_quantile(share)
