"""Pools that somebody else runs, and the operator only scales: `scaleTargetRef` of a pool.

The rules are the apiserver's, as CEL; `attachment_fault` says the same of an object that comes
another way. Both hold for the whole spec: a service is attached with both pools, or not at all.
"""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StringConstraints

from pd_operator.api.autoscaling import RoleFlips
from pd_operator.api.base import ApiModel
from pd_operator.api.engine import ObjectName
from pd_operator.api.parallelism import Parallelism
from pd_operator.api.roles import Role

if TYPE_CHECKING:
    from pd_operator.api.spec import PDInferenceServiceSpec


class ScaleTargetRef(ApiModel):
    """A workload in the service's own namespace that has the subresource scale."""

    api_version: Annotated[
        str, StringConstraints(max_length=317, pattern=r"^[a-z0-9.-]+/v[0-9][a-z0-9]*$")
    ] = Field(description="Its group and version, for instance apps/v1.")
    kind: Annotated[str, StringConstraints(max_length=63, pattern=r"^[A-Z][A-Za-z0-9]*$")] = Field(
        description="Its kind: Deployment, StatefulSet, LeaderWorkerSet, or another one that has "
        "/scale with a selector. The operator needs the right to scale it: value scaleTargets of "
        "its chart. Of a kind that it does not know, it never takes a running worker away: nobody "
        "can say which one would go.",
    )
    name: ObjectName = Field(description="Its name.")
    port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Port of its pods at which SGLang serves HTTP. Absent: the container port "
        "named http, else 30000.",
    )

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


_BOTH = "both pools must have a scaleTargetRef, or neither"
_TWO = "prefill and decode must have different scaleTargetRefs"
_FLIPS = "roleFlips must be Disabled with scaleTargetRef: workers of other hands keep their role"
_SIZES = "parallelism must be Manual with scaleTargetRef: give tensorParallelSize as it is"
_ARGUMENTS = "args and template belong to the target of scaleTargetRef: leave them out"
_ROUTER = "metrics.routerLabels must be given with scaleTargetRef, and only then"
_KEPT = "scaleTargetRef cannot be set, changed or removed later: delete the service, make another"

_ATTACHED = "has(self.prefill.scaleTargetRef)"
_NOT = f"!{_ATTACHED}"

ATTACHMENT_RULES = (
    {
        "rule": f"{_ATTACHED} == has(self.decode.scaleTargetRef)",
        "message": _BOTH,
        "fieldPath": ".decode",
    },
    {
        "rule": f"{_NOT} || !has(self.decode.scaleTargetRef) || "
        "self.prefill.scaleTargetRef.kind != self.decode.scaleTargetRef.kind || "
        "self.prefill.scaleTargetRef.name != self.decode.scaleTargetRef.name",
        "message": _TWO,
        "fieldPath": ".decode.scaleTargetRef",
    },
    {
        "rule": f"{_NOT} || self.autoscaling.roleFlips == 'Disabled'",
        "message": _FLIPS,
        "fieldPath": ".autoscaling.roleFlips",
    },
    {
        "rule": f"{_NOT} || self.parallelism == 'Manual'",
        "message": _SIZES,
        "fieldPath": ".parallelism",
    },
    {
        "rule": f"{_NOT} || (size(self.engine.args) == 0 && size(self.prefill.args) == 0 && "
        "size(self.decode.args) == 0 && !has(self.prefill.template) && "
        "!has(self.decode.template))",
        "message": _ARGUMENTS,
        "fieldPath": ".prefill.scaleTargetRef",
    },
    {
        "rule": f"{_ATTACHED} == (has(self.metrics.routerLabels) && "
        "size(self.metrics.routerLabels) > 0)",
        "message": _ROUTER,
        "fieldPath": ".metrics.routerLabels",
    },
    *(
        {
            "rule": f"has(self.{role}.scaleTargetRef) == has(oldSelf.{role}.scaleTargetRef) && "
            f"(!has(self.{role}.scaleTargetRef) || "
            f"self.{role}.scaleTargetRef == oldSelf.{role}.scaleTargetRef)",
            "message": _KEPT,
            "fieldPath": f".{role}.scaleTargetRef",
        }
        for role in Role
    ),
)
"""For the object `spec`."""


def attachment_fault(spec: "PDInferenceServiceSpec") -> str | None:
    """What is wrong with the targets of a spec, None where nothing is."""
    prefill, decode = spec.prefill.scale_target_ref, spec.decode.scale_target_ref
    attached = prefill is not None
    if attached != bool(spec.metrics.router_labels):
        return _ROUTER
    if prefill is None or decode is None:
        return _BOTH if attached or decode is not None else None
    faults = {
        _TWO: (prefill.kind, prefill.name) == (decode.kind, decode.name),
        _FLIPS: spec.autoscaling.role_flips is not RoleFlips.DISABLED,
        _SIZES: spec.parallelism is not Parallelism.MANUAL,
        _ARGUMENTS: bool(
            spec.engine.args or any(spec.pool(r).args or spec.pool(r).template for r in Role)
        ),
    }
    return next((sentence for sentence, found in faults.items() if found), None)
