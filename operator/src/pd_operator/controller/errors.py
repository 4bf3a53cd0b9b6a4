"""Why a tick failed, in a word and a sentence."""

from pydantic import ValidationError

from pd_operator.actuation.applier import ChildrenRefusedError
from pd_operator.actuation.cluster import ClusterError
from pd_operator.actuation.fence import DeposedError
from pd_operator.actuation.scale_targets import ScaleTargetError
from pd_operator.api.conditions import ConditionReason


class SpecInvalidError(Exception):
    """The resource does not fit this operator's API; the message says where."""

    def __init__(self, error: ValueError) -> None:
        super().__init__(_places(error) if isinstance(error, ValidationError) else str(error))


def _places(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
        for fault in error.errors(include_url=False)
    )


def reason_of(error: Exception) -> ConditionReason:
    """Whether the spec or the API server's refusal is to blame, or something that may pass."""
    if isinstance(error, SpecInvalidError):
        return ConditionReason.SPEC_INVALID
    if isinstance(error, ChildrenRefusedError):
        return ConditionReason.CHILDREN_REFUSED
    if isinstance(error, ScaleTargetError):
        return ConditionReason(error.fault.value)
    if isinstance(error, ClusterError) and error.refused:
        return ConditionReason.CHILDREN_REFUSED
    return ConditionReason.TICK_FAILED


def is_refusal(error: Exception) -> bool:
    """Whether it stays so until somebody changes the spec or the cluster."""
    return reason_of(error) is not ConditionReason.TICK_FAILED


def is_foreseen(error: Exception) -> bool:
    """Whether the message says it all, so that a traceback would tell nothing more."""
    return is_refusal(error) or isinstance(error, ClusterError | DeposedError | TimeoutError)
