"""One service's loop: its steps, and that it decides exactly as the simulator does."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from tests.unit.actuation.switching import leaving
from tests.unit.actuation.switching import seen as switching

from pd_operator.actuation.applier import ChildrenRefusedError
from pd_operator.actuation.cluster import ClusterError
from pd_operator.actuation.flips import LOOK_AGAIN_SECONDS
from pd_operator.api.calibration import MINIMUM_SAMPLES
from pd_operator.api.names import ANNOTATION_PAUSED, ANNOTATION_PAUSED_BY, ServiceKey
from pd_operator.api.roles import Role
from pd_operator.api.status import CalibrationStatus
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.controller.service_loop import (
    LONGEST_PAUSE_SECONDS,
    ServiceLoop,
    pause_seconds,
)
from pd_operator.controller.status.tick_result import TickResult
from pd_operator.controller.tick import claim
from pd_operator.controller.tick.calibrator import Calibrator
from pd_operator.controller.tick.engine_profile import bundled_basis
from pd_operator.demand import DemandHistory
from pd_operator.performance import load_bundled
from pd_operator.performance.calibration import Calibration, Sample
from pd_operator.performance.calibration_status import to_plain
from pd_operator.performance.learning import Reference
from pd_operator.scaling.observation import Observation, PoolObservation
from pd_operator.simulation import Pools, Requests, simulate
from pd_operator.simulation.from_spec import service_of
from pd_operator.simulation.operator_policy import OperatorPolicy

from .stand_ins import GivenObserver, MemoryCluster, Object, loop_over

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "pdservice.yaml"
PROFILE = load_bundled("llama-3.1-70b-h100")
BEGIN = 1_789_999_980.0
BIN = 30.0
STEPS = (
    *("claim", "parallelism", "children", "observe", "forecast"),
    *("engine", "decide", "scale", "publish"),
)


def resource(**autoscaling: Any) -> Object:
    """The example, with a margin, a schedule and a scrape interval of its own."""
    manifest: Object = yaml.safe_load(EXAMPLE.read_text())
    manifest["metadata"] |= {"namespace": "team", "uid": "u", "generation": 1}
    spec = manifest["spec"]
    spec["metrics"]["scrapeIntervalSeconds"] = 5
    for role in ("prefill", "decode"):
        spec[role] |= {"expectedStartupSeconds": 60, "minReplicas": 1}
    spec["autoscaling"] = {
        "mode": "Active",
        "periodSeconds": 15,
        "forecast": {
            "resolutionSeconds": int(BIN),
            "leadMarginSeconds": 25,
            "historyDays": 1,
            "quantilePercent": 90,
        },
        "schedules": [
            {
                "name": "launch",
                "cron": "20 * * * *",
                "durationSeconds": 600,
                "minPrefillReplicas": 4,
                "factorPercent": 150,
            }
        ],
    } | autoscaling
    return manifest


@dataclass
class Archive:
    """A Prometheus that knows one history; what is asked beyond it is missing."""

    history: DemandHistory

    def demand_history(
        self, service: ServiceKey, start_seconds: float, end_seconds: float, bin_seconds: float
    ) -> DemandHistory:
        del service, bin_seconds
        return self.history.until(end_seconds).after(start_seconds)


def wave(seconds: float) -> Requests:
    """A load that rises and falls by a factor of four within the hour."""
    rng = np.random.default_rng(7)
    gaps = rng.exponential(1 / 35.0, round(60 * seconds))
    times = np.cumsum(gaps)
    times = times[times < seconds]
    rate = 20.0 + 15.0 * np.sin(2 * np.pi * times / 3600.0)
    kept = times[rng.random(len(times)) < rate / 35.0]
    return Requests.of(kept, rng.integers(500, 3000, len(kept)), rng.integers(50, 400, len(kept)))


def learned() -> CalibrationStatus:
    """Engines that were measured to be 30 % slower than their profile."""
    service = PDInferenceService.parse(resource())
    basis = bundled_basis(service)
    calibration = Calibration()
    for role in Role:
        known = calibration.of(role).of_version(
            Reference(basis.of(role), basis.identity, "").version
        )
        for _ in range(MINIMUM_SAMPLES):
            known = known.learning(0, Sample(BEGIN, 1.3))
        calibration = calibration.replacing(known)
    return CalibrationStatus.model_validate(to_plain(calibration))


def simulated(service: PDInferenceService) -> OperatorPolicy:
    """The simulator's operator after half an hour, with the engine as it was measured."""
    load, before = wave(5400.0), 3600.0
    early = load.arrival_seconds < before
    count = np.bincount((load.arrival_seconds[early] / BIN).astype(int), minlength=120)
    history = DemandHistory(-before, BIN, count / BIN, np.full(120, 1750.0), np.full(120, 225.0))
    first = int(early.sum())
    later = load.part(first, len(load))
    played = Requests.of(later.arrival_seconds - before, later.prompt_tokens, later.output_tokens)
    engine = Calibrator(service.status.calibration).engine(bundled_basis(service)).model
    policy = OperatorPolicy(service.spec, engine, history, begin_seconds=BEGIN)
    simulate(played, service_of(service.spec, PROFILE), Pools(2, 2), policy=policy)
    return policy


async def ticked(loop: ServiceLoop, results: list[TickResult]) -> TickResult:
    await loop.tick()
    fit = loop._forecaster._fit
    if fit is not None and not fit.done():
        await fit
    return results[-1]


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> list[TickResult]:
    """What every loop's ticks came to."""
    kept: list[TickResult] = []
    original = ServiceLoop._result

    def keeping(*inputs: Any) -> TickResult:
        kept.append(original(*inputs))
        return kept[-1]

    monkeypatch.setattr(ServiceLoop, "_result", keeping)
    return kept


async def test_the_loop_and_the_simulator_decide_alike(
    results: list[TickResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Calibrator, "learn", lambda *_: None)  # the engine is given
    calibration = learned().model_dump(mode="json", by_alias=True, exclude_none=True)
    manifest = resource() | {"status": {"calibration": calibration}}
    policy = simulated(PDInferenceService.parse(manifest))
    seen = [outcome.observation for outcome in policy.outcomes]
    archive = Archive(policy.history)
    # The loop fits beside its first tick: that one is asked twice.
    loop, cluster, _ = loop_over(manifest, GivenObserver([seen[0], *seen], archive))
    await ticked(loop, results)
    loop._memory = None
    told = [await ticked(loop, results) for _ in seen]
    assert [one.plan_ahead for one in told] == [one.plan_ahead for one in policy.outcomes]
    assert [one.decision for one in told] == [one.decision for one in policy.outcomes]
    leads = {one.forecasts.prefill.horizon_seconds for one in told}  # type: ignore[union-attr]
    assert leads == {60 + 15 + 25}, "start-up, tick and margin"
    in_force = {pool.names for one in told for pool in one.forecasts.scheduled.values()}
    assert in_force == {(), ("launch",)}
    assert any(line.startswith("scale") for line in cluster.written)


async def test_a_tick_takes_its_steps_in_order_and_times_each(
    result: TickResult, monkeypatch: pytest.MonkeyPatch, results: list[TickResult]
) -> None:
    order: list[str] = []
    timed = ServiceLoop._timed

    def noting(loop: ServiceLoop, step: str) -> AbstractContextManager[object]:
        order.append(step)
        return timed(loop, step)

    monkeypatch.setattr(ServiceLoop, "_timed", noting)
    empty = DemandHistory(0.0, BIN, *(np.empty(0),) * 3)
    loop, cluster, metrics = loop_over(
        resource(), GivenObserver([result.observation], Archive(empty))
    )
    await ticked(loop, results)
    assert tuple(order) == STEPS
    assert cluster.written[-1] == "apply PDInferenceService/status"
    exposition = metrics.exposition().decode()
    for step in STEPS:
        assert f'pd_operator_tick_step_duration_seconds_count{{step="{step}"}} 1.0' in exposition


@pytest.mark.parametrize("mode", ["Advisory", "Paused"])
async def test_outside_mode_active_nothing_is_scaled(
    mode: str, result: TickResult, results: list[TickResult]
) -> None:
    empty = DemandHistory(0.0, BIN, *(np.empty(0),) * 3)
    loop, cluster, _ = loop_over(
        resource(mode=mode), GivenObserver([result.observation] * 2, Archive(empty))
    )
    for _ in range(2):
        await ticked(loop, results)
    assert not [line for line in cluster.written if line.startswith(("scale", "mark"))]
    assert cluster.statuses


async def test_a_service_paused_by_annotation_holds_its_workers_whatever_its_mode(
    result: TickResult, results: list[TickResult]
) -> None:
    empty = DemandHistory(0.0, BIN, *(np.empty(0),) * 3)
    manifest = resource(mode="Active")
    manifest["metadata"]["annotations"] = {
        ANNOTATION_PAUSED: "load test",
        ANNOTATION_PAUSED_BY: "ada",
    }
    seen = half_drained(result.observation)
    loop, cluster, _ = loop_over(manifest, GivenObserver([seen] * 2, Archive(empty)))
    assert (await ticked(loop, results)).decision is None
    [scaling] = [c for c in cluster.statuses[-1]["conditions"] if c["type"] == "Scaling"]
    assert (scaling["status"], scaling["reason"]) == ("False", "Paused")
    assert "paused by ada: load test. `kubectl pd resume chat`" in scaling["message"]
    assert [line for line in cluster.written if line.startswith(("scale", "mark"))] == [
        "mark decode-2"
    ], "a drain that had begun is called off"


def half_drained(seen: Observation) -> Observation:
    """The same in the middle of a drain of a decode worker."""
    drains = PoolObservation.of(Role.DECODE, ready=2, draining=1)
    begun = [
        worker if worker.traffic else replace(worker, drain_started=BEGIN, drain_deadline=BEGIN)
        for worker in drains.workers
    ]
    return replace(seen, decode=replace(drains, workers=tuple(begun)))


@pytest.mark.parametrize("mode", ["Advisory", "Paused"])
async def test_outside_mode_active_a_drain_that_had_begun_is_called_off(
    mode: str, result: TickResult, results: list[TickResult]
) -> None:
    empty = DemandHistory(0.0, BIN, *(np.empty(0),) * 3)
    seen = half_drained(result.observation)
    loop, cluster, _ = loop_over(resource(mode=mode), GivenObserver([seen], Archive(empty)))
    await ticked(loop, results)
    assert [line for line in cluster.written if line.startswith(("scale", "mark"))] == [
        "mark decode-2"
    ]


async def test_a_drain_that_had_begun_is_called_off_where_the_service_is_refused(
    result: TickResult,
) -> None:
    empty = DemandHistory(0.0, BIN, *(np.empty(0),) * 3)
    seen = half_drained(result.observation)
    loop, cluster, _ = loop_over(resource(), GivenObserver([seen], Archive(empty)))
    cluster.refusal = ClusterError(422, "no such volume")
    await refused(loop)
    assert "mark decode-2" in cluster.written
    assert not [line for line in cluster.written if line.startswith("scale")]


async def test_a_change_of_role_goes_on_where_the_service_is_refused() -> None:
    empty = DemandHistory(0.0, BIN, *(np.empty(0),) * 3)
    seen = switching(leaving(Role.DECODE))
    loop, cluster, _ = loop_over(resource(), GivenObserver([seen], Archive(empty)))
    cluster.refusal = ClusterError(422, "no such volume")
    assert await refused(loop) == 30.0
    assert marked(cluster) == ["mark a"]
    assert loop.rest_seconds is not None
    assert loop.rest_seconds <= LOOK_AGAIN_SECONDS
    await loop.go_on()
    assert marked(cluster) == ["mark a"] * 2
    assert len(cluster.statuses) == 1, "nothing is decided or told"


async def test_nothing_goes_on_where_another_operator_runs_the_service_by_now() -> None:
    empty = DemandHistory(0.0, BIN, *(np.empty(0),) * 3)
    observer = GivenObserver([switching(leaving(Role.DECODE))], Archive(empty))
    manifest = resource()
    loop, cluster, _ = loop_over(manifest, observer)
    cluster.refusal = ClusterError(422, "no such volume")
    await refused(loop)
    assert marked(cluster) == ["mark a"]
    entry = {"operator": "team/another", "renewTime": "2026-01-01T00:00:00Z"}
    metadata = manifest["metadata"] | {"resourceVersion": "9"}
    loop._deps.registry.put(manifest | {"metadata": metadata, "status": {"managedBy": entry}})
    await loop.tick()
    assert loop.rest_seconds is None
    await loop.go_on()
    assert marked(cluster) == ["mark a"]


def marked(cluster: MemoryCluster) -> list[str]:
    return [line for line in cluster.written if line.startswith("mark")]


def test_a_service_that_is_refused_for_days_is_tried_on() -> None:
    assert pause_seconds(1.0, 100_000) == LONGEST_PAUSE_SECONDS


async def test_what_is_refused_is_tried_ever_more_seldom_until_it_works_again(
    result: TickResult, results: list[TickResult]
) -> None:
    empty = DemandHistory(0.0, BIN, *(np.empty(0),) * 3)
    loop, cluster, _ = loop_over(resource(), GivenObserver([result.observation], Archive(empty)))
    cluster.refusal = ClusterError(422, "no such volume")
    pauses = [await refused(loop) for _ in range(6)]
    assert pauses == [30.0, 60.0, 120.0, *(LONGEST_PAUSE_SECONDS,) * 3]
    assert len(cluster.statuses) == len(cluster.events) == 1

    cluster.refusal = None
    await ticked(loop, results)
    assert loop.period_seconds == 15.0


async def test_a_service_that_nobody_mends_costs_less_than_a_write_a_minute(
    result: TickResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=1000.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(claim, "time", clock)
    empty = DemandHistory(0.0, BIN, *(np.empty(0),) * 3)
    loop, cluster, _ = loop_over(resource(), GivenObserver([result.observation], Archive(empty)))
    cluster.refusal = ClusterError(422, "no such volume")
    for _ in range(4):
        clock.now += await refused(loop)
    written, begun = len(cluster.written), clock.now
    for _ in range(10):
        clock.now += await refused(loop)
    assert len(cluster.events) == 1
    assert len(cluster.written) - written <= (clock.now - begun) / 60


async def refused(loop: ServiceLoop) -> float:
    """The pause after a tick that is refused."""
    with pytest.raises(ChildrenRefusedError, match="no such volume") as refusal:
        await loop.tick()
    await loop.failed(refusal.value)
    return loop.period_seconds
