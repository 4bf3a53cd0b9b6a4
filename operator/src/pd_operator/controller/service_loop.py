"""One service's loop, step by step: what happens on every tick.

    sizes -> children -> observation -> look-ahead -> plan -> decision -> actuation -> status

The steps from look-ahead to decision are pure functions of other packages.
This file names the steps, in order; it neither measures nor decides anything.
"""

from dataclasses import dataclass

from pydantic import ValidationError

from pd_operator.actuation.cluster import Cluster
from pd_operator.api.autoscaling import Mode
from pd_operator.api.conditions import ConditionReason, ConditionType
from pd_operator.api.names import ServiceKey
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.controller.errors import SpecInvalidError, reason_of
from pd_operator.controller.registry import Registry
from pd_operator.controller.status.events import EventRecorder
from pd_operator.controller.status.metrics import OperatorMetrics
from pd_operator.controller.status.tick_result import PoolForecasts, TickResult
from pd_operator.controller.status.writer import StatusWriter
from pd_operator.controller.tick.calibrator import Calibrator, cautious
from pd_operator.controller.tick.children import ChildReconciler
from pd_operator.controller.tick.engine_profile import engine_basis
from pd_operator.controller.tick.fit_pool import FitPool
from pd_operator.controller.tick.forecaster import ServiceForecaster
from pd_operator.controller.tick.observer import Observer, Sight
from pd_operator.controller.tick.parallelism import ParallelismChooser, UndecidedError
from pd_operator.controller.tick.scaler import PoolScaler
from pd_operator.demand import Demand, DemandForecast, scheduled, sustained_bins
from pd_operator.planning.engine import EngineModel, RouterClass
from pd_operator.planning.plan import Plan
from pd_operator.planning.planner import plan_service
from pd_operator.scaling.chain import decide
from pd_operator.scaling.decision import Decision
from pd_operator.scaling.memory import ScalingMemory
from pd_operator.scaling.observation import Known, Observation, Unknown
from pd_operator.scaling.settings import ScalingSettings
from pd_operator.telemetry.startup import measured_startup_seconds

DEFAULT_PERIOD_SECONDS = 15.0
DRAIN_PERIOD_SECONDS = 2.0
"""While a worker drains it is looked at more often: idle GPUs are paid for, too."""


@dataclass(frozen=True)
class LoopDependencies:
    """What all loops share."""

    cluster: Cluster
    registry: Registry
    observer: Observer
    fits: FitPool
    metrics: OperatorMetrics
    operator_image: str


class ServiceLoop:
    """The loop of one PDInferenceService."""

    def __init__(self, key: ServiceKey, deps: LoopDependencies) -> None:
        self._key = key
        self._deps = deps
        events = EventRecorder(deps.cluster)
        self._children = ChildReconciler(key, deps.cluster, events, deps.operator_image)
        self._forecaster = ServiceForecaster(key, deps.fits)
        self._scaler = PoolScaler(key, deps.cluster, events)
        self._writer = StatusWriter(key, deps.cluster, events, deps.metrics)
        self._parallelism = ParallelismChooser(key, deps.cluster, events, self._writer)
        self._memory: ScalingMemory | None = None
        self._calibrator: Calibrator | None = None
        self.period_seconds = DEFAULT_PERIOD_SECONDS

    async def tick(self) -> None:
        """Everything that happens to a service, once."""
        service = self._service()
        if service.being_deleted:
            return
        self.period_seconds = service.spec.autoscaling.period_seconds
        try:
            service = await self._sized(service)
        except UndecidedError as why:
            await self._publish_undecided(why)
            return
        await self._children.reconcile(service, touched=self._deps.registry.take_dirty(self._key))
        sight = await self._deps.observer.observe(service)
        ahead = await self._forecast(service, sight.observation)
        plan_ahead, plan_now = await self._plan(service, sight, ahead)
        decision = self._decide(service, sight.observation, ahead, plan_ahead, plan_now)
        result = TickResult(
            service=service,
            observation=sight.observation,
            routers_ready=sight.routers_ready,
            ahead=ahead,
            plan_ahead=plan_ahead,
            plan_now=plan_now,
            decision=decision,
            memory=self._remembered(service),
            calibration=self._calibrator_of(service).calibration,
        )
        draining = await self._act(service, sight, decision)
        await self._writer.publish(result)
        if draining:
            self.period_seconds = min(self.period_seconds, DRAIN_PERIOD_SECONDS)

    async def failed(self, error: Exception) -> None:
        """Say in the status that a tick failed, where the resource itself can be read."""
        self._deps.registry.mark_dirty(self._key)
        message = str(error) or type(error).__name__
        await self._writer.publish_failure(self._resource(), reason_of(error), message)

    def close(self) -> None:
        """Give up what still runs in the background."""
        self._forecaster.close()
        self._deps.observer.forget(self._key)

    def _resource(self) -> dict[str, object]:
        return dict(self._deps.registry.entry(self._key).resource)

    def _service(self) -> PDInferenceService:
        """The parsed resource; one that cannot be parsed is complained about and left alone."""
        try:
            return PDInferenceService.parse(self._resource())
        except ValidationError as error:
            raise SpecInvalidError(error) from error

    async def _sized(self, service: PDInferenceService) -> PDInferenceService:
        """The service with the sizes that were chosen for it, where that is the operator's part."""
        try:
            return await self._parallelism.sized(service)
        except ValueError as error:
            raise SpecInvalidError(error) from error

    async def _publish_undecided(self, why: UndecidedError) -> None:
        await self._writer.publish_failure(
            self._resource(),
            ConditionReason.PARALLELISM_UNDECIDED,
            f"No sizes of workers can be chosen, so there are none yet. {why}",
            {ConditionType.SLO_FEASIBLE: why.update},
        )

    async def _forecast(self, service: PDInferenceService, seen: Observation) -> PoolForecasts:
        spec = service.spec.autoscaling.forecast
        reader = self._deps.observer.prometheus(service)
        horizons = {role: horizon_seconds(service, seen, role) for role in Role}
        await self._forecaster.refresh(reader, spec, seen.time_seconds, tuple(horizons.values()))
        coverage = {role: self._forecaster.coverage(role) for role in Role}
        asked = {
            role: scheduled(
                service.spec.autoscaling.schedules, role, seen.time_seconds, horizons[role]
            )
            for role in Role
        }
        if isinstance(seen.demand, Unknown):
            return PoolForecasts(seen.demand, seen.demand, coverage, asked)
        shape = seen.demand.value

        def of(role: Role) -> DemandForecast | Unknown:
            own = self._forecaster.forecast(role, horizons[role], seen.time_seconds, shape)
            return own if isinstance(own, Unknown) else asked[role].forecast(own, role)

        return PoolForecasts(of(Role.PREFILL), of(Role.DECODE), coverage, asked)

    async def _plan(
        self, service: PDInferenceService, sight: Sight, ahead: PoolForecasts
    ) -> tuple[Plan | Unknown, Plan | Unknown]:
        basis = await engine_basis(service, self._deps.cluster)
        if isinstance(basis, Unknown):
            return basis, basis
        calibrator = self._calibrator_of(service)
        calibrator.learn(sight, basis)
        engine, seen = calibrator.engine(basis), sight.observation

        def plan(prefill: Demand, decode: Demand) -> Plan:
            made = plan_for(service, engine, prefill, decode)
            return made if calibrator.knows(basis) else cautious(made, seen)

        now: Plan | Unknown
        if isinstance(seen.demand, Known):
            now = plan(*ahead.expected_now(seen.demand.value))
        else:
            now = seen.demand
        prefill, decode = ahead.prefill, ahead.decode
        if isinstance(prefill, Unknown):
            return prefill, now
        if isinstance(decode, Unknown):
            return decode, now
        return plan(prefill.demand, decode.demand), now

    def _decide(
        self,
        service: PDInferenceService,
        seen: Observation,
        ahead: PoolForecasts,
        plan_ahead: Plan | Unknown,
        plan_now: Plan | Unknown,
    ) -> Decision | None:
        if service.spec.autoscaling.mode is Mode.PAUSED:
            return None
        settings = ScalingSettings.from_spec(service.spec).with_scheduled(
            *(ahead.scheduled[role].min_replicas for role in (Role.PREFILL, Role.DECODE))
        )
        decision, self._memory = decide(
            seen, plan_ahead, plan_now, settings, self._remembered(service)
        )
        return decision

    def _remembered(self, service: PDInferenceService) -> ScalingMemory:
        """The memory of earlier decisions; after a restart, the one in the status."""
        if self._memory is None:
            stored = service.status.memory
            plain = stored.model_dump(mode="json", by_alias=True) if stored else {}
            self._memory = ScalingMemory.from_plain(plain)
        return self._memory

    def _calibrator_of(self, service: PDInferenceService) -> Calibrator:
        """What was learned of the engines; after a restart, it goes on from the status."""
        if self._calibrator is None:
            self._calibrator = Calibrator(service.status.calibration)
        return self._calibrator

    async def _act(
        self, service: PDInferenceService, sight: Sight, decision: Decision | None
    ) -> bool:
        """Carry a decision out where that is wanted; whether a worker is on its way out."""
        await self._scaler.notice_others(service, sight.observation)
        if decision is None or service.spec.autoscaling.mode is not Mode.ACTIVE:
            return False
        return await self._scaler.scale(service, sight, decision)


def horizon_seconds(service: PDInferenceService, seen: Observation, role: Role) -> float:
    """Seconds ahead at which a pool's load is forecast: a stretch that its next worker can serve.

    A worker is ready after the start-up (measured P90; before any, the expected one), one tick
    until the next decision, one scrape until the load is seen, and one bin until there is news of
    it; the spec may ask for a margin. The stretch for which a pool is sized begins then; the
    horizon is its middle.
    """
    spec = service.spec
    measured = measured_startup_seconds(seen.pool(role).workers)
    startup = measured or float(spec.pool(role).expected_startup_seconds)
    autoscaling, resolution = spec.autoscaling, spec.autoscaling.forecast.resolution_seconds
    news = spec.metrics.scrape_interval_seconds + resolution
    half_a_stretch = sustained_bins(resolution) // 2 * resolution
    ready = startup + autoscaling.period_seconds + news + autoscaling.forecast.lead_margin_seconds
    return ready + half_a_stretch


def plan_for(
    service: PDInferenceService, engine: EngineModel, prefill: Demand, decode: Demand
) -> Plan:
    """The workers that these loads need."""
    spec = service.spec
    settings = ScalingSettings.from_spec(spec)
    return plan_service(
        prefill_demand=prefill,
        decode_demand=decode,
        engine=engine,
        objectives=settings.objectives,
        prefill_max=spec.prefill.max_replicas,
        decode_max=spec.decode.max_replicas,
        router=RouterClass.of(spec.router.prefill_policy),
        method=spec.autoscaling.method,
    )
