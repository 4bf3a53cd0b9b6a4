"""A discrete-event simulator of a service with prefill and decode workers.

    result = simulate(requests, service, Pools(prefill=4, decode=8), seed=0)
    result.ttft_quantile(0.9), result.attained(objectives).joint, result.gpu_seconds

`Requests.of(arrival_seconds, prompt_tokens, output_tokens)` are what comes, a `ServiceModel` what
it comes to: the surfaces of a worker of each role, the network between them, the router's policies.
Pure apart from draws, which depend on `seed` alone.
"""

from pd_operator.simulation.requests import Requests
from pd_operator.simulation.result import Attained, PoolUse, SimulationResult
from pd_operator.simulation.service import EngineLimits, ServiceModel
from pd_operator.simulation.simulator import Pools, simulate

__all__ = [
    "Attained",
    "EngineLimits",
    "PoolUse",
    "Pools",
    "Requests",
    "ServiceModel",
    "SimulationResult",
    "simulate",
]
