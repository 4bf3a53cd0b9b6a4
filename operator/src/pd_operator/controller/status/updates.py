"""What an evaluator of a condition hands back."""

from dataclasses import dataclass

from pd_operator.api.conditions import ConditionReason, ConditionStatus


@dataclass(frozen=True)
class ConditionUpdate:
    """A condition's status with its reason."""

    status: ConditionStatus
    reason: ConditionReason
    message: str


def true(reason: ConditionReason, message: str) -> ConditionUpdate:
    """It holds."""
    return ConditionUpdate(ConditionStatus.TRUE, reason, message)


def false(reason: ConditionReason, message: str) -> ConditionUpdate:
    """It does not hold."""
    return ConditionUpdate(ConditionStatus.FALSE, reason, message)


def unknown(reason: ConditionReason, message: str) -> ConditionUpdate:
    """Nobody can tell."""
    return ConditionUpdate(ConditionStatus.UNKNOWN, reason, message)
