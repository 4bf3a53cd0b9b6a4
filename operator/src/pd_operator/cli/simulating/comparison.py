"""Runs the same requests with the operator, and with pools that stay as they are."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.cli.simulating.request import SimulationRequest
from pd_operator.planning.load import ArrivedRequests, Load, measured_load
from pd_operator.planning.objectives import Objectives
from pd_operator.scaling.plans import plan_for
from pd_operator.scaling.settings import ScalingSettings
from pd_operator.simulation import Pools, Requests, SimulationResult, simulate
from pd_operator.simulation.from_spec import engine_of, service_of
from pd_operator.simulation.operator_policy import OperatorPolicy

PEAK_WINDOW_SECONDS = 300.0


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one way of sizing came to."""

    name: str
    result: SimulationResult
    pools: Pools


def objectives_of(request: SimulationRequest) -> Objectives:
    """The latencies that the spec promises."""
    return ScalingSettings.from_spec(request.spec).objectives


def compare(request: SimulationRequest) -> Iterator[Outcome]:
    """The operator first; then what if; then pools that stay.

    Those are the pools asked for, or those planned for the busiest minutes.
    """
    yield operated(request, "operator", request.spec)
    for other in request.what_if:
        yield operated(request, f"what if {other.name}", other.spec)
    service = service_of(request.spec, request.profile)
    for pools in request.fixed or (_planned(request, request.spec, request.requests),):
        result = simulate(request.requests, service, pools, seed=request.seed)
        name = "fixed" if request.fixed else "fixed in hindsight"
        yield Outcome(f"{name}, {pools.prefill}P {pools.decode}D", result, pools)


def operated(request: SimulationRequest, name: str, spec: PDInferenceServiceSpec) -> Outcome:
    """The request's load with the operator, the service being as `spec` has it."""
    engine = engine_of(spec, request.profile)
    begin = _planned(request, spec, _first(request.requests))
    history = request.earlier.history(float(spec.autoscaling.forecast.resolution_seconds))
    policy = OperatorPolicy(spec, engine, history, begin_seconds=request.begin_seconds)
    service = service_of(spec, request.profile)
    result = simulate(request.requests, service, begin, seed=request.seed, policy=policy)
    return Outcome(name, result, begin)


def _first(requests: Requests) -> Requests:
    """What comes in the first minutes, or the first requests that there are."""
    end = int(np.searchsorted(requests.arrival_seconds, PEAK_WINDOW_SECONDS))
    return requests.part(0, max(2, end))


def _planned(request: SimulationRequest, spec: PDInferenceServiceSpec, requests: Requests) -> Pools:
    """Workers for the busiest minutes of `requests`, within the spec's bounds."""
    load = _busiest(requests)
    plan = plan_for(spec, engine_of(spec, request.profile), load.prefill, load.decode)
    return Pools(
        max(plan.prefill.workers, spec.prefill.min_replicas),
        max(plan.decode.workers, spec.decode.min_replicas),
    )


def _busiest(requests: Requests) -> Load:
    columns = (requests.prompt_tokens, requests.output_tokens)
    arrived = ArrivedRequests(
        requests.arrival_seconds, *(column.astype(np.float64) for column in columns)
    )
    return measured_load(arrived, PEAK_WINDOW_SECONDS, 100.0)
