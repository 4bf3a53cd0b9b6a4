"""The operator itself as a policy: its forecast, its plan, its decision chain."""

from collections.abc import Iterator
from dataclasses import replace

from pd_operator.api.roles import Role
from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.demand import (
    Demand,
    DemandHistory,
    FittedDemand,
    NotEnoughHistoryError,
    fit_demand,
    present_window_seconds,
    refit_bins,
    stale_after_seconds,
)
from pd_operator.planning.engine import EngineModel
from pd_operator.scaling.autoscaler import EngineKnowledge, Outcome, autoscale
from pd_operator.scaling.decision import Decision
from pd_operator.scaling.lead_time import horizon_seconds
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
from pd_operator.simulation.load_watch import LoadWatch
from pd_operator.simulation.pools import Pools
from pd_operator.simulation.snapshot import PoolSnapshot, Snapshot, WorkerSnapshot


class OperatorPolicy:
    """Decides as the operator does for a service with this `spec`, on what the simulator shows.

    `history` is what Prometheus would know of the time before the simulation; it ends at 0, in
    bins of the spec's resolution. `begin_seconds` is the Unix time of the simulation's second 0, on
    the edge of a bin: schedules count by it. `outcomes` are all ticks so far: forecasts, plans,
    and decisions with their reasons.
    """

    def __init__(
        self,
        spec: PDInferenceServiceSpec,
        engine: EngineModel,
        history: DemandHistory | None = None,
        *,
        begin_seconds: float = 0.0,
    ) -> None:
        forecast = spec.autoscaling.forecast
        step = float(forecast.resolution_seconds)
        self.outcomes: list[Outcome] = []
        self._begin_seconds = begin_seconds
        self._spec = spec
        self._engine = EngineKnowledge(engine)
        self._watch = LoadWatch(step, present_window_seconds(step), history)
        self._memory = ScalingMemory()
        self._fitted: FittedDemand | None = None
        self._fitted_bins = 0

    @property
    def history(self) -> DemandHistory:
        """The bins seen so far, in Unix time."""
        return self._watch.history.shifted(self._begin_seconds)

    @property
    def period_seconds(self) -> float:
        """The spec's."""
        return float(self._spec.autoscaling.period_seconds)

    def decide(self, snapshot: Snapshot) -> Pools:
        """What the operator's own tick decides."""
        self._watch.see(snapshot)
        demand = self._demand(snapshot)
        observation = _observation(snapshot, demand, self._begin_seconds)
        outcome = autoscale(
            observation, self._up_to_date(observation), self._engine, self._spec, self._memory
        )
        self._memory = outcome.memory
        self.outcomes.append(outcome)
        if outcome.decision is None:
            return Pools(observation.prefill.current, observation.decode.current)
        return _pools(outcome.decision)

    def _demand(self, snapshot: Snapshot) -> Reading[Demand]:
        """That of the last scrapes; unknown where they are too old, as telemetry has it."""
        age = snapshot.time_seconds - snapshot.seen_seconds
        if age > stale_after_seconds(self._spec.metrics.scrape_interval_seconds):
            return Unknown("MetricsStale", "simulation", f"The last scrape is {age:.0f} s old.")
        return self._watch.demand(snapshot.seen_seconds)

    def _up_to_date(self, seen: Observation) -> FittedDemand | Unknown:
        """The forecaster with all bins seen; fitted anew from time to time."""
        forecast = self._spec.autoscaling.forecast
        history = self.history
        model, newer_bins = forecast.model.value, len(history) - self._fitted_bins
        try:
            fitted = self._fitted
            if fitted is None or fitted.refit_due or newer_bins >= refit_bins(model):
                fitted = fit_demand(
                    history,
                    model,
                    season_seconds=forecast.season_seconds,
                    horizons_seconds=[horizon_seconds(self._spec, seen, role) for role in Role],
                )
                self._fitted_bins = len(history)
        except NotEnoughHistoryError as error:
            return Unknown("NotEnoughHistory", "forecast", str(error))
        self._fitted = fitted.updated(history)
        return self._fitted


def _pools(decision: Decision) -> Pools:
    flips = [flip.role for flip in decision.flips]
    return Pools(
        decision.prefill.desired,
        decision.decode.desired,
        to_prefill=flips.count(Role.PREFILL),
        to_decode=flips.count(Role.DECODE),
    )


def _observation(snapshot: Snapshot, demand: Reading[Demand], begin_seconds: float) -> Observation:
    return Observation(
        time_seconds=begin_seconds + snapshot.time_seconds,
        demand=demand,
        prefill=_pool(Role.PREFILL, snapshot.prefill),
        decode=_pool(Role.DECODE, snapshot.decode),
    )


def _pool(role: Role, pool: PoolSnapshot) -> PoolObservation:
    workers = (*_workers(role, pool), *_pending(role, pool))
    return PoolObservation(role, len(workers), workers)


def _workers(role: Role, pool: PoolSnapshot) -> Iterator[WorkerObservation]:
    for worker in pool.workers:
        load = Known(_load(role, worker), 0.0, "simulation")
        yield WorkerObservation(f"{role}-{worker.number}", role, load=load, switchable=True)
    for number in range(pool.promised):
        yield WorkerObservation(f"{role}-switching-{number}", role, traffic=False, switching=True)
    others = PoolObservation.of(role, ready=0, starting=pool.starting, draining=pool.draining)
    for other in others.workers:
        # A name of its own: what is known of an engine is kept by its worker's name.
        yield replace(other, name=f"{other.name}-coming-or-going")


def _pending(role: Role, pool: PoolSnapshot) -> Iterator[WorkerObservation]:
    for number, seconds in enumerate(pool.pending_seconds):
        yield WorkerObservation(
            f"{role}-pending-{number}", role, ready=False, age_seconds=seconds, scheduled=False
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
        decode_prealloc_queue=0 if prefills else worker.waiting_requests,
        decode_transfer_queue=0,
        decode_retracted_queue=worker.retracted_requests,
        used_tokens=worker.used_tokens,
        active_tokens=worker.used_tokens,
        max_total_tokens=worker.capacity_tokens,
        prefill_uncached_tokens_total=worker.tokens_done if prefills else 0,
        prefill_busy_seconds_total=worker.busy_seconds if prefills else 0.0,
        decode_moments=(),
    )
