"""From what is known during the replay to what the display shows."""

from collections.abc import Sequence

from pd_e2e.demo.display import ReplayView
from pd_e2e.demo.timeline import TimelineSample
from pd_e2e.loadgen.live import ReplayStatistics
from pd_e2e.loadgen.scenario import TraceScenario
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.cli.top.view import Attained, ForecastView, PoolView, ServiceView


def replay_view(
    load: TraceScenario,
    service: PDInferenceService,
    sample: TimelineSample,
    played: ReplayStatistics,
    offered: Sequence[float],
) -> ReplayView:
    """The service under load, at this second."""
    elapsed = max(played.elapsed_seconds, 0.0)
    return ReplayView(
        clock=load.clock(elapsed),
        seconds_left=max(load.duration_seconds - elapsed, 0.0),
        share=min(elapsed / load.duration_seconds, 1.0),
        service=ServiceView(
            offered=offered,
            offered_now=offered[-1] if offered else 0.0,
            forecast=_forecast(sample),
            prefill=_pool(Role.PREFILL, service, sample),
            decode=_pool(Role.DECODE, service, sample),
            attained=_attained(service, played),
            decision=sample.sentence,
        ),
        requests_offered=played.offered,
        requests_failed=played.failed,
    )


def _forecast(sample: TimelineSample) -> ForecastView | None:
    ahead = sample.prefill_forecast
    if ahead is None:
        return None
    band = ahead.requests_per_second
    return ForecastView(ahead.horizon_seconds, band.median, band.high, band.low)


def _attained(service: PDInferenceService, played: ReplayStatistics) -> tuple[Attained, Attained]:
    objectives = service.spec.objectives
    goal = min(objectives.ttft.percentile, objectives.tpot.percentile) / 100
    return (
        Attained(
            f"TTFT < {objectives.ttft.milliseconds} ms",
            goal,
            ((played.ttft_attainment_recent, "last 30 s"), (played.ttft_attainment, "so far")),
        ),
        Attained(
            f"TPOT < {objectives.tpot.milliseconds} ms",
            goal,
            ((played.tpot_attainment_recent, "last 30 s"), (played.tpot_attainment, "so far")),
        ),
    )


def _pool(role: Role, service: PDInferenceService, sample: TimelineSample) -> PoolView:
    forecast, workers = sample.forecast(role), sample.pool(role)
    return PoolView(
        desired=workers.desired,
        ready=workers.ready,
        most=service.spec.pool(role).max_replicas,
        tokens_per_second=forecast.tokens_per_second.high if forecast else None,
    )
