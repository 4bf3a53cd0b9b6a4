from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pd_operator.api.autoscaling import Behavior, Mode
from pd_operator.api.roles import Role
from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.demand import Demand, LengthDistribution
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.planning.plan import Limit, Plan, PoolPlan
from pd_operator.scaling.observation import (
    EngineLoad,
    Known,
    Observation,
    PoolObservation,
    Reading,
    Unknown,
    WorkerObservation,
)
from pd_operator.scaling.settings import PoolSettings, ScalingSettings

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "pdservice.yaml"
LENGTHS = LengthDistribution.constant(100)
DEMAND = Known(Demand(10.0, LENGTHS, LENGTHS), 5.0, "prometheus")


def engine_load(**counts: Any) -> EngineLoad:
    fields: dict[str, Any] = {
        "mode": None,
        "running_requests": 0,
        "waiting_requests": 0,
        "waiting_uncached_tokens": 0,
        "prefill_bootstrap_queue": 0,
        "prefill_inflight_queue": 0,
        "decode_prealloc_queue": 0,
        "decode_transfer_queue": 0,
        "decode_retracted_queue": 0,
        "used_tokens": 0,
        "active_tokens": 0,
        "max_total_tokens": 1000,
        "prefill_uncached_tokens_total": 0,
        "prefill_busy_seconds_total": 0.0,
        "decode_moments": (0.0,) * 6,
    }
    return EngineLoad(**{**fields, **counts})


def pool(
    role: Role,
    replicas: int,
    *,
    load: EngineLoad | None = None,
    starting: int = 0,
    homeless: int = 0,
    homeless_seconds: float = 10.0,
) -> PoolObservation:
    """A pool whose last `starting` and `homeless` workers are not ready."""

    def worker(index: int) -> WorkerObservation:
        ready = index < replicas - starting - homeless
        scheduled = index < replicas - homeless
        reading: Reading[EngineLoad] = (
            Known(load, 0.1, "engine")
            if load is not None and ready
            else Unknown("NoAnswer", "engine", "no answer")
        )
        return WorkerObservation(
            name=f"chat-{role}-{index}",
            role=role,
            address=f"127.0.1.{index}",
            ready=ready,
            traffic=True,
            terminating=False,
            age_seconds=homeless_seconds if not scheduled else 10.0,
            startup_seconds=None,
            scheduled=scheduled,
            load=reading,
        )

    return PoolObservation(role, replicas, tuple(worker(i) for i in range(replicas)))


@pytest.fixture
def observe() -> Callable[..., Observation]:
    """Builds an observation: numbers of workers, or whole pools."""

    def build(
        prefill: int | PoolObservation = 2,
        decode: int | PoolObservation = 2,
        *,
        at: float = 10_000.0,
        demand: Reading[Demand] = DEMAND,
    ) -> Observation:
        return Observation(
            time_seconds=at,
            demand=demand,
            attainment=Unknown("NotAsked", "prometheus", "not asked"),
            prefill=pool(Role.PREFILL, prefill) if isinstance(prefill, int) else prefill,
            decode=pool(Role.DECODE, decode) if isinstance(decode, int) else decode,
        )

    return build


@pytest.fixture
def plan() -> Callable[[int, int], Plan]:
    """Builds a plan of so many prefill and decode workers."""

    def build(prefill: int, decode: int) -> Plan:
        def one(role: Role, workers: int) -> PoolPlan:
            reason = f"{workers} {role} workers are needed."
            return PoolPlan(role, workers, 0.2, 0.1, Limit.UTILIZATION, True, reason, 4)

        return Plan(one(Role.PREFILL, prefill), one(Role.DECODE, decode))

    return build


@pytest.fixture
def allow() -> Callable[..., ScalingSettings]:
    """Builds settings: bounds, budget and behavior in the words of the API."""

    def build(
        *,
        minimum: int = 1,
        maximum: int = 20,
        budget: int | None = None,
        behavior: dict[str, Any] | None = None,
        mode: Mode = Mode.ACTIVE,
    ) -> ScalingSettings:
        bounds = PoolSettings(
            minimum,
            maximum,
            4,
            capacity_timeout_seconds=60.0,
            startup_seconds=60.0,
            lead_time_seconds=300.0,
        )
        objective = Objective(90, 0.8)
        return ScalingSettings(
            prefill=bounds,
            decode=bounds,
            gpu_budget=budget,
            behavior=Behavior.model_validate(behavior or {}),
            objectives=Objectives(objective, objective),
            mode=mode,
        )

    return build


@pytest.fixture
def make_pool() -> Callable[..., PoolObservation]:
    """Builds a pool observation."""
    return pool


@pytest.fixture
def load() -> Callable[..., EngineLoad]:
    """Builds what an engine says of itself."""
    return engine_load


@pytest.fixture
def example() -> Callable[..., PDInferenceServiceSpec]:
    """The spec of the example, with some fields of its parts replaced."""

    def build(**parts: dict[str, Any]) -> PDInferenceServiceSpec:
        manifest = yaml.safe_load(EXAMPLE.read_text())
        for part, fields in parts.items():
            manifest["spec"][part] = manifest["spec"].get(part, {}) | fields
        return PDInferenceService.parse(manifest).spec

    return build
