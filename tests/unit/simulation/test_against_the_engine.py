"""The simulator and the demo's engine simulator are two programs for one behavior."""

from dataclasses import replace

import numpy as np
import pytest

from pd_e2e.engine.decode import DecodeLimits
from pd_e2e.engine.pair import Arrival, Pair
from pd_e2e.engine.prefill import PrefillLimits
from pd_operator.performance import load_bundled
from pd_operator.performance.timing import KvLink, Timings
from pd_operator.simulation import EngineLimits, Pools, Requests, ServiceModel, simulate

SURFACES = load_bundled("llama-3.1-8b-h100").surfaces(1)
LIMITS = EngineLimits(chunk_tokens=2048, running_requests=200, reserved_tokens=64)
STREAM_INTERVAL = 1 << 30  # nobody looks at a token but the first and the last


def pair_of(service: ServiceModel) -> Pair:
    """One prefill and one decode of the engine simulator."""
    limits = service.limits
    link = KvLink(
        service.transfer_bytes_per_second,
        service.prefill.kv_bytes_per_token,
        service.transfer_base_seconds,
    )
    prefill = PrefillLimits(
        limits.chunk_tokens, limits.pass_tokens, service.prefill.kv_capacity_tokens
    )
    decode = DecodeLimits(
        service.decode.kv_capacity_tokens,
        limits.running_requests,
        limits.reserved_tokens,
        STREAM_INTERVAL,
    )
    return Pair((Timings(service.prefill), prefill), (Timings(service.decode), decode), link)


def arrivals(requests: Requests) -> list[Arrival]:
    columns = (requests.arrival_seconds, requests.prompt_tokens, requests.output_tokens)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [Arrival(*row) for row in rows]


def load(rate: float, output: float, count: int = 1500) -> Requests:
    rng = np.random.default_rng(11)
    prompt = rng.lognormal(6.6, 0.9, count).clip(1, 20_000).astype(int)
    answer = rng.lognormal(np.log(output), 0.8, count).clip(1, 3000).astype(int)
    return Requests.of(np.cumsum(rng.exponential(1 / rate, count)), prompt, answer)


@pytest.mark.parametrize(
    ("rate", "output", "kv_tokens"),
    [(2.0, 150.0, 380_000), (12.0, 150.0, 380_000), (22.0, 60.0, 380_000), (12.0, 300.0, 40_000)],
    ids=["idle", "busy", "queueing", "short of room"],
)
def test_simulator_and_engine_give_the_same_times(
    rate: float, output: float, kv_tokens: int
) -> None:
    decode = replace(SURFACES, kv_capacity_tokens=kv_tokens)
    service = ServiceModel(SURFACES, decode, limits=LIMITS)
    requests = load(rate, output)
    engines = pair_of(service)
    outputs = engines.run(arrivals(requests))
    first = np.array([each[0].at for each in outputs])
    last = np.array([each[-1].at for each in outputs])
    result = simulate(requests, service, Pools(1, 1))
    ttft = first - requests.arrival_seconds
    later = requests.output_tokens - 1
    several = later > 0
    tpot = (last - first)[several] / later[several]
    # Requests that come close together may change places: half a step here or there.
    assert np.abs(result.ttft_seconds - ttft).mean() < 0.0005
    assert np.abs(result.tpot_seconds[several] / tpot - 1).max() < 0.002
    assert result.retractions == engines.retractions
    assert (result.retractions > 0) == (kv_tokens < 100_000)
