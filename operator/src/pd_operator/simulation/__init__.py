"""A discrete-event simulator of a service with prefill and decode workers.

    result = simulate(requests, service, Pools(prefill=4, decode=8), seed=0)
    result.ttft_quantile(0.9), result.attained(objectives).joint, result.gpu_seconds

`Requests.of(arrival_seconds, prompt_tokens, output_tokens)` are what comes, a `ServiceModel` is
what it comes to: surfaces of a worker of each role, the network between them, the router's
policies. With a `policy` the pools are sized as it says; start-ups, drains and role flips take as
long as the service's `Lifecycle` has it. Pure apart from draws, which follow from `seed` alone.
Whatever a request, a worker or a router does belongs here; what is decided of pools never does.
"""

from pd_operator.simulation.policy import Policy
from pd_operator.simulation.pools import Pools
from pd_operator.simulation.prefixes import Prefixes
from pd_operator.simulation.requests import Requests
from pd_operator.simulation.result import Attained, PoolSizes, PoolUse, SimulationResult
from pd_operator.simulation.service import EngineLimits, Lifecycle, ServiceModel
from pd_operator.simulation.simulator import Failure, simulate
from pd_operator.simulation.snapshot import PoolSnapshot, Snapshot, WorkerSnapshot

__all__ = [
    "Attained",
    "EngineLimits",
    "Failure",
    "Lifecycle",
    "Policy",
    "PoolSizes",
    "PoolSnapshot",
    "PoolUse",
    "Pools",
    "Prefixes",
    "Requests",
    "ServiceModel",
    "SimulationResult",
    "Snapshot",
    "WorkerSnapshot",
    "simulate",
]
