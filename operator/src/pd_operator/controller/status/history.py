"""What a service remembers of its past decisions: those that changed the wanted workers. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime

from pd_operator.api.autoscaling import Mode
from pd_operator.api.roles import Role
from pd_operator.api.status import (
    HISTORY_LENGTH,
    PDInferenceServiceStatus,
    PoolChangeStatus,
    PoolStatus,
)
from pd_operator.controller.status.tick_result import TickResult

LONGEST_SENTENCE = 1024


def with_changes(
    previous: PDInferenceServiceStatus, result: TickResult
) -> tuple[PoolChangeStatus, ...]:
    """The changes known before and those of this tick, the newest `HISTORY_LENGTH` of them.

    A service's first decision changes nothing: nobody wanted another number before.
    """
    return (*previous.history, *_changes(previous, result))[-HISTORY_LENGTH:]


def _changes(previous: PDInferenceServiceStatus, result: TickResult) -> Iterator[PoolChangeStatus]:
    decision = result.decision
    if decision is None:
        return
    for role in Role:
        before, pool = _of(previous, role), decision.pool(role)
        if before is None or before.desired == pool.desired:
            continue
        yield PoolChangeStatus(
            time=datetime.fromtimestamp(result.observation.time_seconds, UTC),
            role=role,
            before=before.desired,
            after=pool.desired,
            reason=pool.reason.value,
            message=decision.sentence[:LONGEST_SENTENCE],
            decision=result.decision_id,
            advised=result.service.spec.autoscaling.mode is Mode.ADVISORY,
        )


def _of(status: PDInferenceServiceStatus, role: Role) -> PoolStatus | None:
    return status.prefill if role is Role.PREFILL else status.decode
