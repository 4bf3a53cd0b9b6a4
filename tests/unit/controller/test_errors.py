"""What `Ready` says of a tick that failed."""

from typing import Any

import pytest
from pydantic import ValidationError

from pd_operator.actuation.applier import ChildrenRefusedError
from pd_operator.actuation.cluster import ClusterError
from pd_operator.actuation.scale_targets import ScaleTargetError, TargetFault
from pd_operator.api.conditions import ConditionReason
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.controller.errors import SpecInvalidError, reason_of

UNKNOWN_FIELD = (
    "failed to create typed patch object (ns/chat-prefill; apps/v1, Kind=Deployment): "
    '.spec.template.spec.containers[name="engine"].resourcs: field not declared in schema'
)

NO_QUANTITY = (
    "failed to convert new object (ns/chat-prefill; apps/v1, Kind=Deployment) to proper version: "
    "unable to convert unstructured object to apps/v1, Kind=Deployment: quantities must match the "
    "regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)


def test_a_spec_of_another_version_is_named_with_the_field_that_does_not_fit() -> None:
    strange: dict[str, Any] = {
        "apiVersion": "serving.pd-operator.io/v1alpha1",
        "kind": "PDInferenceService",
        "metadata": {"name": "chat", "namespace": "serving"},
        "spec": {"prefill": {"maxReplicas": "many"}},
    }
    with pytest.raises(ValidationError) as invalid:
        PDInferenceService.parse(strange)
    fault = SpecInvalidError(invalid.value)
    assert reason_of(fault) is ConditionReason.SPEC_INVALID
    assert "spec.prefill.maxReplicas: Input should be a valid integer" in str(fault)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ClusterError(422, "maxReplicas is immutable"), ConditionReason.CHILDREN_REFUSED),
        (ClusterError(403, "exceeded quota"), ConditionReason.CHILDREN_REFUSED),
        (ClusterError(500, UNKNOWN_FIELD), ConditionReason.CHILDREN_REFUSED),
        (ClusterError(500, NO_QUANTITY), ConditionReason.CHILDREN_REFUSED),
        (ChildrenRefusedError("Service chat is there already"), ConditionReason.CHILDREN_REFUSED),
        *(
            (ScaleTargetError(fault, "Deployment x"), ConditionReason(fault.value))
            for fault in TargetFault
        ),
        (ClusterError(500, "etcdserver: no leader"), ConditionReason.TICK_FAILED),
        (ClusterError(0, "connection refused"), ConditionReason.TICK_FAILED),
        (ClusterError(503, "try again"), ConditionReason.TICK_FAILED),
        (TimeoutError(), ConditionReason.TICK_FAILED),
    ],
)
def test_a_refusal_is_told_from_what_may_pass(error: Exception, reason: ConditionReason) -> None:
    assert reason_of(error) is reason


def test_chosen_sizes_that_a_lowered_budget_no_longer_covers_are_the_specs_fault() -> None:
    fault = SpecInvalidError(ValueError("autoscaling.gpuBudget (5) must cover 6"))
    assert reason_of(fault) is ConditionReason.SPEC_INVALID
    assert "gpuBudget (5)" in str(fault)
