"""Prints the changes that a service remembers, and how it was at a moment of the past."""

from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pd_operator.api.roles import Role
from pd_operator.api.status import HISTORY_LENGTH, PDInferenceServiceStatus, PoolChangeStatus
from pd_operator.api.v1alpha1 import PDInferenceService

_TIME = "%Y-%m-%d %H:%M:%S"


def history_table(service: PDInferenceService) -> RenderableType:
    """One row a change, oldest first."""
    history = service.status.history
    if not history:
        return "No change is remembered: the wanted workers are those of the first decision."
    table = Table("time (UTC)", "pool", "workers", "reason", "why", "decision", box=None)
    for change in history:
        table.add_row(
            f"{change.time:{_TIME}}",
            change.role.value,
            _workers(change),
            change.reason,
            Text(change.message),
            change.decision,
        )
    return table


def explanation_at(service: PDInferenceService, then: datetime) -> RenderableType:
    """The workers that were wanted at a moment, and the decisions that had made it so."""
    lines: list[RenderableType] = [Text(f"{service.key} at {then:{_TIME}} UTC", "bold")]
    history = service.status.history
    for role in Role:
        lines.append(Text(f"{role.value}: {_wanted_at(service.status, role, then)}"))
        last = _last(history, role, then)
        if last is not None:
            lines.append(Text(f"  {last.message} (decision {last.decision})"))
    if len(history) >= HISTORY_LENGTH and then < history[0].time:
        lines.append(
            Text(
                f"The status remembers {HISTORY_LENGTH} changes, since {history[0].time:{_TIME}}. "
                "Earlier ones are in the operator's log, and in `kubectl pd report` where "
                "Prometheus keeps them.",
                "yellow",
            )
        )
    return Group(*lines)


def _wanted_at(status: PDInferenceServiceStatus, role: Role, then: datetime) -> str:
    """Workers wanted at a moment, by the change before it, else the one after, else as now."""
    last = _last(status.history, role, then)
    if last is not None:
        return f"{last.after} wanted since {last.time:{_TIME}}, {last.reason}{_advised(last)}"
    later = next((c for c in status.history if c.role is role and c.time > then), None)
    if later is not None:
        return f"{later.before} wanted, until {later.time:{_TIME}}"
    pool = status.prefill if role is Role.PREFILL else status.decode
    return "nothing is known" if pool is None else f"{pool.desired} wanted, as now"


def _last(
    history: tuple[PoolChangeStatus, ...], role: Role, then: datetime
) -> PoolChangeStatus | None:
    return next((c for c in reversed(history) if c.role is role and c.time <= then), None)


def _workers(change: PoolChangeStatus) -> str:
    return f"{change.before} → {change.after}{_advised(change)}"


def _advised(change: PoolChangeStatus) -> str:
    return " (advised)" if change.advised else ""
