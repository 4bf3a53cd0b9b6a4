"""From what is known during the replay to what the display shows."""

from collections.abc import Sequence

from pd_e2e.demo.display import Attained, PoolView, ReplayView
from pd_e2e.demo.timeline import TimelineSample
from pd_e2e.loadgen.live import ReplayStatistics
from pd_e2e.loadgen.scenario import TraceScenario
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService


def replay_view(
    load: TraceScenario,
    service: PDInferenceService,
    sample: TimelineSample,
    played: ReplayStatistics,
    offered: Sequence[float],
) -> ReplayView:
    """The service under load, at this second."""
    elapsed = max(played.elapsed_seconds, 0.0)
    ahead = sample.prefill_forecast
    objectives = service.spec.objectives
    return ReplayView(
        clock=load.clock(elapsed),
        seconds_left=max(load.duration_seconds - elapsed, 0.0),
        share=min(elapsed / load.duration_seconds, 1.0),
        offered=offered,
        forecast=ahead.requests_per_second if ahead else None,
        forecast_horizon_seconds=ahead.horizon_seconds if ahead else None,
        prefill=_pool(Role.PREFILL, service, sample),
        decode=_pool(Role.DECODE, service, sample),
        attained=(
            Attained(
                f"TTFT < {objectives.ttft.milliseconds} ms",
                played.ttft_attainment,
                played.ttft_attainment_recent,
            ),
            Attained(
                f"TPOT < {objectives.tpot.milliseconds} ms",
                played.tpot_attainment,
                played.tpot_attainment_recent,
            ),
        ),
        goal_share=min(objectives.ttft.percentile, objectives.tpot.percentile) / 100,
        requests_offered=played.offered,
        requests_failed=played.failed,
        decision=sample.sentence,
    )


def _pool(role: Role, service: PDInferenceService, sample: TimelineSample) -> PoolView:
    forecast = sample.forecast(role)
    return PoolView(
        workers=sample.pool(role),
        most=service.spec.pool(role).max_replicas,
        tokens_per_second=forecast.tokens_per_second if forecast else None,
    )
