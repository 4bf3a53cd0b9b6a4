"""The operator itself as a policy: its forecast, its plan, its decision chain."""

from collections.abc import Iterator

from pd_operator.api.roles import Role
from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.demand import (
    Demand,
    DemandForecast,
    DemandHistory,
    FittedDemand,
    NotEnoughHistoryError,
    fit_demand,
    refit_bins,
)
from pd_operator.planning.engine import EngineModel, RouterClass
from pd_operator.planning.plan import Plan
from pd_operator.planning.planner import plan_service
from pd_operator.scaling.chain import decide
from pd_operator.scaling.decision import Decision
from pd_operator.scaling.memory import ScalingMemory
from pd_operator.scaling.observation import (
    EngineLoad,
    Known,
    Observation,
    PoolObservation,
    Reading,
    Unknown,
    WorkerObservation,
)
from pd_operator.scaling.settings import ScalingSettings
from pd_operator.simulation.load_watch import LoadWatch
from pd_operator.simulation.pools import Pools
from pd_operator.simulation.snapshot import PoolSnapshot, Snapshot, WorkerSnapshot

_SHORTEST_WINDOW_SECONDS = 30.0


class OperatorPolicy:
    """Decides as the operator does for a service with this `spec`, on what the simulator shows.

    `history` is what Prometheus would know of the time before the simulation; it ends at 0, in
    bins of the spec's resolution. Schedules and calibration are not simulated, start-up times are
    those of the spec. `decisions` are all so far, with their reasons.
    """

    def __init__(
        self,
        spec: PDInferenceServiceSpec,
        engine: EngineModel,
        history: DemandHistory | None = None,
    ) -> None:
        forecast = spec.autoscaling.forecast
        step = float(forecast.resolution_seconds)
        self.decisions: list[Decision] = []
        self._spec = spec
        self._engine = engine
        self._settings = ScalingSettings.from_spec(spec)
        self._watch = LoadWatch(step, max(step, _SHORTEST_WINDOW_SECONDS), history)
        self._memory = ScalingMemory()
        self._fitted: FittedDemand | None = None
        self._fitted_bins = 0

    @property
    def period_seconds(self) -> float:
        """The spec's."""
        return float(self._spec.autoscaling.period_seconds)

    def decide(self, snapshot: Snapshot) -> Pools:
        """What the chain decides."""
        self._watch.see(snapshot)
        demand = self._watch.demand(snapshot.time_seconds)
        observation = _observation(snapshot, demand)
        decision, self._memory = decide(
            observation,
            self._plan_ahead(demand, snapshot.time_seconds),
            demand if isinstance(demand, Unknown) else self._plan(demand.value, demand.value),
            self._settings,
            self._memory,
        )
        self.decisions.append(decision)
        return Pools(decision.prefill.desired, decision.decode.desired)

    def _plan(self, prefill: Demand, decode: Demand) -> Plan:
        spec = self._spec
        return plan_service(
            prefill_demand=prefill,
            decode_demand=decode,
            engine=self._engine,
            objectives=self._settings.objectives,
            prefill_max=spec.prefill.max_replicas,
            decode_max=spec.decode.max_replicas,
            router=RouterClass.of(spec.router.prefill_policy),
            method=spec.autoscaling.method,
        )

    def _plan_ahead(self, demand: Reading[Demand], now: float) -> Plan | Unknown:
        if isinstance(demand, Unknown):
            return demand
        try:
            prefill, decode = (self._forecast(role, now, demand.value) for role in Role)
        except NotEnoughHistoryError as error:
            return Unknown("NotEnoughHistory", "forecast", str(error))
        return self._plan(prefill.demand, decode.demand)

    def _forecast(self, role: Role, now: float, shape: Demand) -> DemandForecast:
        fitted = self._up_to_date()
        horizon = self._lead_seconds(role) + now - fitted.end_seconds
        percent = self._spec.autoscaling.forecast.quantile_percent
        return fitted.forecast(role, fitted.nearest_learnt(horizon), percent, shape)

    def _lead_seconds(self, role: Role) -> float:
        """Until a worker ordered by the next decision is ready, and the load of now is news."""
        autoscaling = self._spec.autoscaling
        startup = self._spec.pool(role).expected_startup_seconds
        return float(startup + autoscaling.period_seconds + autoscaling.forecast.resolution_seconds)

    def _up_to_date(self) -> FittedDemand:
        """The forecaster with all bins seen; fitted anew from time to time."""
        history, forecast = self._watch.history, self._spec.autoscaling.forecast
        model, newer_bins = forecast.model.value, len(history) - self._fitted_bins
        if self._fitted is None or newer_bins >= refit_bins(model):
            self._fitted = fit_demand(
                history,
                model,
                season_seconds=float(forecast.season_seconds),
                horizons_seconds=[self._lead_seconds(role) for role in Role],
            )
            self._fitted_bins = len(history)
        self._fitted = self._fitted.updated(history)
        return self._fitted


def _observation(snapshot: Snapshot, demand: Reading[Demand]) -> Observation:
    return Observation(
        time_seconds=snapshot.time_seconds,
        demand=demand,
        attainment=Unknown("NotNeeded", "simulation", "No decision looks at it."),
        prefill=_pool(Role.PREFILL, snapshot.prefill),
        decode=_pool(Role.DECODE, snapshot.decode),
    )


def _pool(role: Role, pool: PoolSnapshot) -> PoolObservation:
    workers = tuple(_workers(role, pool))
    return PoolObservation(role, len(workers), workers)


def _workers(role: Role, pool: PoolSnapshot) -> Iterator[WorkerObservation]:
    unseen = Unknown("NotServing", "simulation", "It serves nobody.")
    for snapshot in pool.workers:
        yield _worker(role, Known(_load(role, snapshot), 0.0, "simulation"))
    for _ in range(pool.starting):
        yield _worker(role, unseen, ready=False)
    for _ in range(pool.draining):
        yield _worker(role, unseen, traffic=False)


def _worker(
    role: Role, load: Reading[EngineLoad], *, ready: bool = True, traffic: bool = True
) -> WorkerObservation:
    return WorkerObservation(
        name="simulated",
        role=role,
        address="",
        ready=ready,
        traffic=traffic,
        terminating=False,
        age_seconds=0.0,
        startup_seconds=None,
        scheduled=True,
        load=load,
    )


def _load(role: Role, worker: WorkerSnapshot) -> EngineLoad:
    prefills = role is Role.PREFILL
    return EngineLoad(
        mode=role,
        running_requests=worker.running_requests,
        waiting_requests=worker.waiting_requests,
        waiting_uncached_tokens=worker.waiting_tokens,
        prefill_bootstrap_queue=0,
        prefill_inflight_queue=0,
        decode_prealloc_queue=0,
        decode_transfer_queue=0,
        decode_retracted_queue=worker.retracted_requests,
        used_tokens=worker.used_tokens,
        active_tokens=worker.used_tokens,
        max_total_tokens=worker.capacity_tokens,
        prefill_uncached_tokens_total=worker.tokens_done if prefills else 0,
        prefill_busy_seconds_total=worker.busy_seconds if prefills else 0.0,
        decode_moments=(),
    )
