"""The figures of a run: `summary.json`."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from pd_e2e.demo.forecast_error import Actual, ForecastErrors, forecast_errors, forecasts_made
from pd_e2e.demo.run import Run
from pd_e2e.demo.scale_events import Timeliness
from pd_e2e.demo.timeline import Band, ForecastSample
from pd_e2e.loadgen.schedule import FloatArray
from pd_operator.api.roles import Role

PERCENTILES = (50, 90, 99)


@dataclass(frozen=True)
class RequestFigures:
    """What the clients saw. Shares are over all offered requests: a failed one missed both.

    Percentiles are of the requests whose figure is known; None where none is.
    """

    requests_offered: int
    requests_failed: int
    ttft_objective_seconds: float
    tpot_objective_seconds: float
    ttft_attainment: float
    tpot_attainment: float
    joint_attainment: float
    ttft_seconds_p50: float | None
    ttft_seconds_p90: float | None
    ttft_seconds_p99: float | None
    tpot_seconds_p50: float | None
    tpot_seconds_p90: float | None
    tpot_seconds_p99: float | None
    generator_lag_seconds_p99: float
    generator_lag_seconds_max: float


@dataclass(frozen=True)
class ScalingFigures:
    """How the pools moved.

    Least and most workers are *ready* ones during the replay. `_ahead`, `_late` and
    `_never_needed` are as `scale_events.Timeliness` defines them; they add up to `scale_ups`.
    `role_flips` are workers that changed their role, `flipped_max` those on loan at one time.
    """

    prefill_min: int
    prefill_max: int
    decode_min: int
    decode_max: int
    scale_ups: int
    scale_downs: int
    scale_ups_ahead: int
    scale_ups_late: int
    scale_ups_never_needed: int
    role_flips: int
    flipped_max: int


@dataclass(frozen=True)
class CostFigures:
    """GPU-seconds of all pods that existed, so of starting and draining ones too.

    Beside them what `oracle` says a service sized for its peak, and one that knew the day, pay.
    """

    gpu_seconds: float
    gpu_seconds_static_peak: float
    gpu_seconds_perfect_knowledge: float
    gpu_seconds_share_of_static_peak: float


@dataclass(frozen=True)
class ForecastFigures:
    """Mean absolute scaled error of the forecasts' medians; below 1 beats the last value.

    `_at_lead` is of the offered request rate at the lead times of both roles, the others of each
    role's own tokens per second at its own lead time. None where no forecast was made.
    """

    forecast_relative_mae_at_lead: float | None
    forecast_relative_mae_prefill_tokens: float | None
    forecast_relative_mae_decode_tokens: float | None


@dataclass(frozen=True)
class Summary:
    """What `summary.json` holds, in groups; the file is flat."""

    scenario: str
    forecast_model: str
    duration_seconds: float
    requests: RequestFigures
    scaling: ScalingFigures
    cost: CostFigures
    forecast: ForecastFigures

    def figures(self) -> dict[str, str | int | float | None]:
        """All figures by name, floats rounded to what they mean."""
        nested = asdict(self)
        groups = [nested.pop(name) for name in ("requests", "scaling", "cost", "forecast")]
        flat = {**nested, **{name: value for group in groups for name, value in group.items()}}
        return {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in flat.items()
        }


def summarize(run: Run) -> Summary:
    """Judge a run. Raises ValueError if it offered no request or its timeline is empty."""
    if not len(run.judged):
        raise ValueError("the run offered no request")
    return Summary(
        scenario=run.scenario,
        forecast_model=run.forecast_model,
        duration_seconds=run.duration_seconds,
        requests=_request_figures(run),
        scaling=_scaling_figures(run),
        cost=_cost_figures(run),
        forecast=_forecast_figures(run),
    )


def percentiles(seconds: FloatArray) -> tuple[float | None, float | None, float | None]:
    """P50, P90 and P99 of the known values; None without any."""
    known = seconds[~np.isnan(seconds)]
    if not len(known):
        return None, None, None
    p50, p90, p99 = np.percentile(known, PERCENTILES)
    return float(p50), float(p90), float(p99)


def _request_figures(run: Run) -> RequestFigures:
    judged = run.judged
    ttft, tpot = run.met_ttft, run.met_tpot
    ttft_p50, ttft_p90, ttft_p99 = percentiles(judged.ttft_seconds)
    tpot_p50, tpot_p90, tpot_p99 = percentiles(judged.tpot_seconds)
    lag = judged.sent_seconds - judged.scheduled_seconds
    return RequestFigures(
        requests_offered=len(judged),
        requests_failed=int((~judged.ok).sum()),
        ttft_objective_seconds=run.objectives.ttft_seconds,
        tpot_objective_seconds=run.objectives.tpot_seconds,
        ttft_attainment=float(ttft.mean()),
        tpot_attainment=float(tpot.mean()),
        joint_attainment=float((ttft & tpot).mean()),
        ttft_seconds_p50=ttft_p50,
        ttft_seconds_p90=ttft_p90,
        ttft_seconds_p99=ttft_p99,
        tpot_seconds_p50=tpot_p50,
        tpot_seconds_p90=tpot_p90,
        tpot_seconds_p99=tpot_p99,
        generator_lag_seconds_p99=float(np.percentile(lag, 99)),
        generator_lag_seconds_max=float(lag.max()),
    )


def _scaling_figures(run: Run) -> ScalingFigures:
    prefill, decode = (_ready_range(run, role) for role in Role)
    ups = [event for event in run.events if event.is_up]
    met = {outcome: sum(event.timeliness is outcome for event in ups) for outcome in Timeliness}
    return ScalingFigures(
        prefill_min=prefill[0],
        prefill_max=prefill[1],
        decode_min=decode[0],
        decode_max=decode[1],
        scale_ups=len(ups),
        scale_downs=len(run.events) - len(ups),
        scale_ups_ahead=met[Timeliness.AHEAD],
        scale_ups_late=met[Timeliness.LATE],
        scale_ups_never_needed=met[Timeliness.NEVER_NEEDED],
        role_flips=max(sample.role_flips for sample in run.timeline),
        flipped_max=max(sample.prefill.flipped + sample.decode.flipped for sample in run.timeline),
    )


def _cost_figures(run: Run) -> CostFigures:
    paid = sum(
        run.steps[role].integral(run.steps[role].current, run.duration_seconds) * run.gpus.of(role)
        for role in Role
    )
    static_peak = run.needed.gpu_seconds_static_peak(run.gpus)
    return CostFigures(
        gpu_seconds=paid,
        gpu_seconds_static_peak=static_peak,
        gpu_seconds_perfect_knowledge=run.needed.gpu_seconds(run.gpus),
        gpu_seconds_share_of_static_peak=paid / static_peak,
    )


def _forecast_figures(run: Run) -> ForecastFigures:
    return ForecastFigures(
        forecast_relative_mae_at_lead=_rate_errors(run).relative_mae,
        forecast_relative_mae_prefill_tokens=_token_errors(run, Role.PREFILL).relative_mae,
        forecast_relative_mae_decode_tokens=_token_errors(run, Role.DECODE).relative_mae,
    )


def _ready_range(run: Run, role: Role) -> tuple[int, int]:
    steps = run.steps[role]
    during = (steps.seconds >= 0) & (steps.seconds <= run.duration_seconds)
    ready = steps.ready[during]
    return (int(ready.min()), int(ready.max())) if len(ready) else (0, 0)


def _rate_errors(run: Run) -> ForecastErrors:
    prefill, decode = (
        _errors(run, role, lambda forecast: forecast.requests_per_second, run.actual())
        for role in Role
    )
    return prefill + decode


def _token_errors(run: Run, role: Role) -> ForecastErrors:
    return _errors(run, role, lambda forecast: forecast.tokens_per_second, run.actual(role))


def _errors(
    run: Run, role: Role, quantity: Callable[[ForecastSample], Band], actual: Actual
) -> ForecastErrors:
    return forecast_errors(
        forecasts_made(run.timeline, role),
        quantity,
        actual,
        started_unix_seconds=run.requests.started_unix_seconds,
        end_seconds=run.duration_seconds,
    )
