"""Puts the last decision about a service in words that a person can follow."""

from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pd_operator.api.calibration import MINIMUM_SAMPLES, UNITS
from pd_operator.api.conditions import ConditionStatus
from pd_operator.api.roles import Role
from pd_operator.api.status import (
    DecisionStatus,
    PDInferenceServiceStatus,
    PoolForecastStatus,
    PoolStatus,
)
from pd_operator.api.v1alpha1 import PDInferenceService

STYLES = {
    ConditionStatus.TRUE: "green",
    ConditionStatus.FALSE: "red",
    ConditionStatus.UNKNOWN: "yellow",
}


def explanation(service: PDInferenceService) -> RenderableType:
    """Load, forecast, the decision's chain, and the conditions."""
    status = service.status
    said: list[RenderableType] = [Text(f"{service.key}", style="bold"), Text(_pools(status))]
    said += map(Text, (*_parallelism(status), *_load(status), *_engine(status)))
    return Group(*said, *_decision(status), _conditions(status))


def _decision(status: PDInferenceServiceStatus) -> list[RenderableType]:
    decision = status.last_decision
    if decision is None:
        return [Text("No decision has been made yet; the conditions say what is missing.")]
    age = datetime.now(UTC) - decision.time
    heading = Text.assemble(
        f"\nLast decision, written {age.total_seconds():.0f} s ago: ", (decision.reason, "bold")
    )
    return [heading, Text(decision.message), _chain(decision)]


def _pools(status: PDInferenceServiceStatus) -> str:
    told = [
        f"{role} {pool.ready} ready of {pool.current}{_borrowed(pool)}, wanted {pool.desired}"
        for role, pool in (("prefill", status.prefill), ("decode", status.decode))
        if pool is not None
    ]
    return "; ".join([*told, f"ratio {status.ratio}"] if status.ratio else told)


def _borrowed(pool: PoolStatus) -> str:
    return f" ({pool.flipped} borrowed)" if pool.flipped else ""


def _parallelism(status: PDInferenceServiceStatus) -> list[str]:
    """The sizes that the operator chose, where it had the choice."""
    chosen = status.parallelism
    if chosen is None:
        return []
    return [
        f"sizes     prefill TP{chosen.prefill_tensor_parallel_size}, "
        f"decode TP{chosen.decode_tensor_parallel_size}, chosen {chosen.time:%Y-%m-%d %H:%M} UTC: "
        f"{chosen.message}"
    ]


def _load(status: PDInferenceServiceStatus) -> list[str]:
    lines = []
    if status.demand is not None:
        demand = status.demand
        lines.append(
            f"load      {demand.milli_requests_per_second / 1000:.1f} requests/s, "
            f"{demand.mean_prompt_tokens} prompt and {demand.mean_output_tokens} output tokens each"
        )
    if status.forecast is not None:
        for role, ahead in (
            ("prefill", status.forecast.prefill),
            ("decode", status.forecast.decode),
        ):
            lines.append(
                f"forecast  {role}: {ahead.median_milli_requests_per_second / 1000:.1f} requests/s "
                f"expected in {ahead.horizon_seconds} s, "
                f"{ahead.milli_requests_per_second / 1000:.1f} at P{ahead.quantile_percent}"
                f"{_coverage(ahead)}{_season(ahead)}"
            )
        if status.forecast.schedules:
            lines.append(f"schedules {', '.join(status.forecast.schedules)}")
    if status.attainment is not None:
        seen = status.attainment
        lines.append(
            f"attained  TTFT {seen.ttft_per_mille / 10:.1f} %, "
            f"TPOT {seen.tpot_per_mille / 10:.1f} % of {seen.requests} requests"
        )
    return lines


def _engine(status: PDInferenceServiceStatus) -> list[str]:
    """How far the engines are off their profile, where they were measured enough to say."""
    if status.calibration is None:
        return []
    lines = []
    for role in Role:
        learned = status.calibration.of(role)
        told = [
            f"{region.ratio_per_mille / 1000:.2f} x ({region.name} {UNITS[role]})"
            for region in (learned.regions if learned else ())
            if region.samples >= MINIMUM_SAMPLES
        ]
        if told:
            lines.append(f"engine    {role.value} takes of its profile's time: {', '.join(told)}")
    return lines


def _coverage(ahead: PoolForecastStatus) -> str:
    if ahead.coverage_per_mille is None:
        return ""
    return f", which {ahead.coverage_per_mille / 10:.1f} % of the loads kept to"


def _season(ahead: PoolForecastStatus) -> str:
    if ahead.found_season_seconds is None:
        return ""
    return f"; the load has a rhythm of {ahead.found_season_seconds} s, found in its history"


def _chain(decision: DecisionStatus) -> Table:
    table = Table("link", "P", "D", "why", box=None, pad_edge=False)
    for link in decision.links:
        table.add_row(link.name, str(link.prefill), str(link.decode), Text(link.sentence))
    return table


def _conditions(status: PDInferenceServiceStatus) -> Table:
    table = Table("condition", "", "reason", "", box=None, pad_edge=False)
    for condition in status.conditions:
        style = STYLES[condition.status]
        said = Text(condition.status.value, style=style)
        table.add_row(condition.type, said, condition.reason, Text(condition.message))
    return table
