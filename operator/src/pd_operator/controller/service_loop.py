"""One service's loop, step by step: what happens on every tick.

    claim -> parallelism -> children -> observe -> forecast -> engine -> decide -> scale -> publish

This file names the steps, in order, and times them; it neither measures nor decides anything. The
step `decide` is one pure function, `scaling.autoscaler.autoscale`; the others are files of `tick/`
and `status/`.
"""

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from pydantic import ValidationError

from pd_operator.actuation.cluster import Cluster
from pd_operator.actuation.pool_writer import PoolWriter
from pd_operator.actuation.role_switch import RoleSwitch
from pd_operator.actuation.scale_targets import ScaleTargetError
from pd_operator.actuation.workload import Workload
from pd_operator.api.autoscaling import Mode
from pd_operator.api.conditions import ConditionReason, ConditionType
from pd_operator.api.names import ServiceKey
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import Metadata, PDInferenceService
from pd_operator.controller.errors import SpecInvalidError, is_refusal, reason_of
from pd_operator.controller.registry import Registry
from pd_operator.controller.status.events import EventRecorder
from pd_operator.controller.status.metrics import OperatorMetrics
from pd_operator.controller.status.tick_result import TickResult, decision_id
from pd_operator.controller.status.writer import StatusWriter
from pd_operator.controller.tick.calibrator import Calibrator
from pd_operator.controller.tick.children import ChildReconciler
from pd_operator.controller.tick.claim import ServiceClaim
from pd_operator.controller.tick.engine_profile import engine_basis
from pd_operator.controller.tick.fit_pool import FitPool
from pd_operator.controller.tick.flipper import RoleFlipper
from pd_operator.controller.tick.forecaster import ServiceForecaster
from pd_operator.controller.tick.observer import Observer
from pd_operator.controller.tick.parallelism import ParallelismChooser, UndecidedError
from pd_operator.controller.tick.scaler import PoolScaler
from pd_operator.demand import FittedDemand
from pd_operator.scaling.autoscaler import EngineKnowledge, Outcome, autoscale
from pd_operator.scaling.decision import Decision
from pd_operator.scaling.lead_time import horizon_seconds
from pd_operator.scaling.memory import ScalingMemory
from pd_operator.scaling.observation import Observation, Unknown

DEFAULT_PERIOD_SECONDS = 15.0
DRAIN_PERIOD_SECONDS = 2.0
"""While a worker drains it is looked at more often: idle GPUs are paid for, too."""

MODE_CHANGED = "ModeChanged"
"""The reason in the log; the condition `Scaling` posts the Event."""

LONGEST_PAUSE_SECONDS = 150.0
"""What is refused is tried again ever more seldom, up to this, so that a service which nobody mends
costs the API server less than a write a minute. A changed spec is tried at once.
"""

MAXIMUM_DOUBLINGS = 10
"""Of the shortest period, a second, they come to more than the longest pause."""


@dataclass(frozen=True)
class LoopDependencies:
    """What all loops share."""

    cluster: Cluster
    registry: Registry
    observer: Observer
    switch_role: RoleSwitch
    fits: FitPool
    metrics: OperatorMetrics
    identity: str
    operator_image: str
    pod_monitor_labels: Mapping[str, str] = field(default_factory=dict)
    prometheus_url: str = ""


class ServiceLoop:
    """The loop of one PDInferenceService."""

    def __init__(self, key: ServiceKey, deps: LoopDependencies) -> None:
        self._key = key
        self._deps = deps
        self._events = events = EventRecorder(deps.cluster)
        self._children = ChildReconciler(
            key, deps.cluster, events, deps.operator_image, deps.pod_monitor_labels
        )
        self._claim = ServiceClaim(key, deps.cluster, events, deps.identity)
        self._forecaster = ServiceForecaster(key, deps.fits)
        pools = PoolWriter(key, deps.cluster, self._workload)
        self._scaler = PoolScaler(pools, self._ready_workers, events, deps.metrics)
        self._flipper = RoleFlipper(pools, deps.switch_role, events, deps.metrics)
        self._writer = StatusWriter(key, deps.cluster, events, deps.metrics)
        self._parallelism = ParallelismChooser(key, deps.cluster, events, self._writer)
        self._memory: ScalingMemory | None = None
        self._calibrator: Calibrator | None = None
        self._mode: Mode | None = None
        self._own_workers = False  # until a spec says so
        self._refusals = 0
        self.period_seconds = DEFAULT_PERIOD_SECONDS
        self._goes_on_at: float | None = None  # monotonic

    @property
    def rest_seconds(self) -> float | None:
        """Seconds until `go_on`; None where no worker changes its role."""
        at = self._goes_on_at
        return None if at is None else max(0.0, at - time.monotonic())

    async def tick(self) -> None:
        """Everything that happens to a service, once; nothing where another operator runs it."""
        self._events.decision_id, self._goes_on_at = None, None
        with self._timed("claim"):
            ours = await self._claim.hold(self._resource())
            self._deps.metrics.set_managed_elsewhere(self._key, self._claim.elsewhere)
        if not ours:
            return
        service = self._service()
        if service.being_deleted:
            return
        self._begin(service)
        try:
            with self._timed("parallelism"):
                service = await self._with_parallelism(service)
        except UndecidedError as why:
            await self._publish_undecided(why)
            await self._finish_what_has_begun()
            return
        touched = self._deps.registry.take_dirty(self._key)
        with self._timed("children"):
            await self._children.reconcile(service, touched=touched)
        with self._timed("observe"):
            seen = await self._deps.observer.observe(service)
            self._children.follow_rollouts(seen)
        with self._timed("forecast"):
            fitted = await self._forecast(service, seen)
        with self._timed("engine"):
            engine = await self._engine(service, seen)
        with self._timed("decide"):
            outcome = autoscale(
                seen, fitted, engine, service.spec, self._remembered(service, seen.time_seconds)
            )
            self._memory = outcome.memory
            self._forecaster.expect(outcome.forecasts.made)
        if outcome.decision is not None:
            self._events.decision_id = decision_id(service.metadata.uid, seen.time_seconds)
        with self._timed("scale"):
            draining = await self._scale(service, seen, outcome.decision)
        with self._timed("publish"):
            await self._writer.publish(self._result(service, outcome))
        self._refusals = 0
        if draining:
            self.period_seconds = min(self.period_seconds, DRAIN_PERIOD_SECONDS)

    async def go_on(self) -> None:
        """Take changes of role a step further, by what pods and engines say now."""
        self._goes_on_at = None
        if self._claim.held:
            seen = await self._deps.observer.look(self._key)
            await self._flip(self._about(), seen, None)

    async def failed(self, error: Exception) -> None:
        """Say in the status that a tick failed, where that is ours to write."""
        self._deps.registry.mark_dirty(self._key)
        if not self._claim.held:
            return
        if is_refusal(error):
            self._refusals += 1
            self.period_seconds = pause_seconds(self.period_seconds, self._refusals)
        message = str(error) or type(error).__name__
        await self._writer.publish_failure(self._resource(), reason_of(error), message)
        if is_refusal(error):
            await self._finish_what_has_begun()

    def close(self) -> None:
        """Give up what still runs in the background."""
        self._forecaster.close()
        self._deps.observer.forget(self._key)

    def _resource(self) -> dict[str, object]:
        return dict(self._deps.registry.entry(self._key).resource)

    def _service(self) -> PDInferenceService:
        """The parsed resource, paused where it says so; one that cannot be parsed is left alone."""
        try:
            service = PDInferenceService.parse(self._resource())
            return service.with_pause().with_prometheus(self._deps.prometheus_url)
        except ValidationError as error:
            raise SpecInvalidError(error) from error

    def _begin(self, service: PDInferenceService) -> None:
        """Take over what the spec says of the loop itself, and log another mode."""
        self.period_seconds = service.spec.autoscaling.period_seconds
        mode = service.spec.autoscaling.mode
        if self._mode not in {None, mode}:
            self._events.note(service.metadata, MODE_CHANGED, f"mode {self._mode} -> {mode}")
        self._mode = mode
        self._own_workers = service.spec.scale_targets is None

    async def _with_parallelism(self, service: PDInferenceService) -> PDInferenceService:
        """The service with the sizes that were chosen for it, where that is the operator's part."""
        try:
            return await self._parallelism.resolve(service)
        except ValueError as error:
            raise SpecInvalidError(error) from error

    async def _publish_undecided(self, why: UndecidedError) -> None:
        await self._writer.publish_failure(
            self._resource(),
            ConditionReason.PARALLELISM_UNDECIDED,
            f"No sizes of workers can be chosen, so there are none yet. {why}",
            {ConditionType.SLO_FEASIBLE: why.update},
        )

    async def _forecast(
        self, service: PDInferenceService, seen: Observation
    ) -> FittedDemand | Unknown:
        """The forecaster with the newest bins seen."""
        reader = self._deps.observer.prometheus(service)
        horizons = [horizon_seconds(service.spec, seen, role) for role in Role]
        forecast = service.spec.autoscaling.forecast
        await self._forecaster.refresh(reader, forecast, seen.time_seconds, horizons)
        return self._forecaster.fitted

    async def _engine(
        self, service: PDInferenceService, seen: Observation
    ) -> EngineKnowledge | Unknown:
        """The engine as its profile describes it and its counters correct it."""
        basis = await engine_basis(service, self._deps.cluster)
        if isinstance(basis, Unknown):
            return basis
        calibrator = self._calibrator_of(service)
        calibrator.learn(seen, basis)
        return calibrator.engine(basis)

    def _result(self, service: PDInferenceService, outcome: Outcome) -> TickResult:
        return TickResult(
            **vars(outcome),
            service=service,
            coverage=self._forecaster.coverage,
            calibration=self._calibrator_of(service).calibration,
        )

    def _timed(self, step: str) -> AbstractContextManager[object]:
        return self._deps.metrics.tick_step_seconds.labels(step).time()

    def _remembered(self, service: PDInferenceService, now_seconds: float) -> ScalingMemory:
        """The memory of earlier decisions; after a restart, the one in the status."""
        if self._memory is None:
            stored = service.status.memory
            plain = stored.model_dump(mode="json", by_alias=True) if stored else {}
            self._memory = ScalingMemory.from_plain(plain).lasting_until(now_seconds)
        return self._memory

    def _calibrator_of(self, service: PDInferenceService) -> Calibrator:
        """What was learned of the engines; after a restart, it goes on from the status."""
        if self._calibrator is None:
            self._calibrator = Calibrator(service.status.calibration)
        return self._calibrator

    async def _scale(
        self, service: PDInferenceService, seen: Observation, decision: Decision | None
    ) -> bool:
        """Carry a decision out where that is wanted; whether a worker is on its way out."""
        await self._scaler.notice_others(service, seen)
        mode = service.spec.autoscaling.mode
        if decision is None or mode is not Mode.ACTIVE:
            await self._flip(service.metadata, seen, None)
            homes = [seen.home(role) for role in Role]
            return await self._scaler.let_go(service.metadata, homes, f"mode {mode}")
        await self._flip(service.metadata, seen, decision)
        return await self._scaler.scale(service, seen, decision)

    async def _flip(self, about: Metadata, seen: Observation, decision: Decision | None) -> None:
        """Take flips further; workers of other hands keep their role, and their labels."""
        if self._own_workers:
            rest = await self._flipper.flip(about, seen, decision)
            # The rest of a tick, of its status above all, need not be waited for.
            self._goes_on_at = None if rest is None else time.monotonic() + rest

    async def _finish_what_has_begun(self) -> None:
        """For a tick that ends before anything is scaled, as many after it may.

        Drains are called off; a worker that changes its role arrives, or goes back to it.
        """
        about = self._about()
        try:
            seen = await self._deps.observer.look(self._key)
        except ScaleTargetError:
            return  # Said already; what drains there waits until the target is back.
        await self._flip(about, seen, None)
        homes = [seen.home(role) for role in Role]
        await self._scaler.let_go(about, homes, "nothing is scaled as long as Ready is False")

    def _about(self) -> Metadata:
        return Metadata.model_validate(self._resource()["metadata"])

    def _workload(self, role: Role) -> Workload:
        return self._deps.observer.workload(self._key, role)

    async def _ready_workers(self, role: Role) -> set[str]:
        return await self._deps.observer.ready_workers(self._key, role)


def pause_seconds(period_seconds: float, refusals: int) -> float:
    """The pause after so many refusals in a row, of a service with that period."""
    doublings = min(refusals, MAXIMUM_DOUBLINGS)
    return max(period_seconds, min(period_seconds * 2.0**doublings, LONGEST_PAUSE_SECONDS))
