"""A result of a healthy service, and ways to change it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.controller.status.tick_result import TickResult
from pd_operator.demand import Demand, LengthDistribution
from pd_operator.demand.forecast import DemandForecast, QuantileBand
from pd_operator.planning.plan import Limit, Plan, PoolPlan
from pd_operator.scaling.decision import Decision, DecisionReason, Link, PoolDecision
from pd_operator.scaling.memory import ScalingMemory
from pd_operator.scaling.observation import (
    Attainment,
    EngineLoad,
    Known,
    Observation,
    PoolObservation,
    WorkerObservation,
)
from pd_operator.scaling.pool_forecasts import PoolForecasts

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "pdservice.yaml"
NOW = 1_790_000_000.0
DEMAND = Demand(20.0, LengthDistribution.constant(1000.0), LengthDistribution.constant(100.0))


def worker(role: Role, number: int, **changes: Any) -> WorkerObservation:
    load = EngineLoad(role, 1, 0, 0, 0, 0, 0, 0, 0, 10, 10, 1000, 0, 0.0, ())
    healthy = WorkerObservation(
        name=f"chat-{role.value}-{number}",
        role=role,
        address="http://127.0.0.1:30000",
        ready=True,
        traffic=True,
        terminating=False,
        age_seconds=1000.0,
        startup_seconds=200.0,
        scheduled=True,
        load=Known(load, 0.5, "engine"),
    )
    return replace(healthy, **changes)


def pool(role: Role, workers: int) -> PoolObservation:
    return PoolObservation(role, workers, tuple(worker(role, n) for n in range(workers)))


def forecast(**changes: Any) -> DemandForecast:
    usual = DemandForecast(
        horizon_seconds=230.0,
        quantile_percent=95,
        demand=DEMAND,
        requests_per_second=QuantileBand(15.0, 20.0, 25.0),
        tokens_per_second=QuantileBand(15e3, 20e3, 25e3),
        model="DampedTrend",
        error_vs_last_value=0.8,
        trusted=True,
    )
    return replace(usual, **changes)


def plan(prefill: int = 3, decode: int = 2) -> Plan:
    def of(role: Role, workers: int) -> PoolPlan:
        return PoolPlan(role, workers, 0.6, 0.4, Limit.UTILIZATION, True, "enough", 4)

    return Plan(of(Role.PREFILL, prefill), of(Role.DECODE, decode))


def decision(prefill: int = 3, decode: int = 2) -> Decision:
    return Decision(
        prefill=PoolDecision(Role.PREFILL, 3, prefill, DecisionReason.STEADY),
        decode=PoolDecision(Role.DECODE, 2, decode, DecisionReason.STEADY),
        links=(Link("forecast", prefill, decode, "20 requests/s need 3 and 2 workers."),),
        reason=DecisionReason.STEADY,
        sentence="Nothing changes.",
        holds=False,
    )


@pytest.fixture
def result() -> TickResult:
    manifest = yaml.safe_load(EXAMPLE.read_text())
    manifest["metadata"] |= {"namespace": "default", "uid": "u", "generation": 7}
    return TickResult(
        service=PDInferenceService.parse(manifest),
        observation=Observation(
            time_seconds=NOW,
            demand=Known(DEMAND, 3.0, "prometheus"),
            attainment=Known(Attainment(0.97, 0.95, 0.92, 0.95, 1000.0), 3.0, "prometheus"),
            prefill=pool(Role.PREFILL, 3),
            decode=pool(Role.DECODE, 2),
            routers_ready=2,
        ),
        forecasts=PoolForecasts(forecast(), forecast()),
        plan_ahead=plan(),
        plan_now=plan(),
        decision=decision(),
        memory=ScalingMemory(),
    )


@pytest.fixture
def seeing(result: TickResult) -> Callable[..., TickResult]:
    """The healthy result with another observation: keyword arguments replace its fields."""

    def change(**fields: Any) -> TickResult:
        return replace(result, observation=replace(result.observation, **fields))

    return change


@pytest.fixture
def make_worker() -> Callable[..., WorkerObservation]:
    return worker


@pytest.fixture
def make_forecast() -> Callable[..., DemandForecast]:
    return forecast
