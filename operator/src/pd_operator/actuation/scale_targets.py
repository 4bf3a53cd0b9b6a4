"""The workloads of other hands that a service's pools may be: what stands behind a reference.

They are found by the API server's own list of kinds, and read through `/scale`, as
HorizontalPodAutoscaler does. Nothing here writes.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pd_operator.actuation.cluster import Cluster, ClusterError, Object
from pd_operator.actuation.kinds import Kind
from pd_operator.api.names import KIND
from pd_operator.api.scale_target import ScaleTargetRef

FORBIDDEN = 403


class TargetFault(StrEnum):
    """Why a target cannot be scaled."""

    MISSING = "TargetMissing"
    NOT_SCALABLE = "TargetNotScalable"
    TAKEN = "TargetTaken"
    OTHER_ROLE = "TargetOfOtherRole"


class ScaleTargetError(Exception):
    """A target is not there, has no `/scale`, or is another's. The message names it."""

    def __init__(self, fault: TargetFault, message: str) -> None:
        super().__init__(f"{message} Nothing is changed meanwhile.")
        self.fault = fault


@dataclass(frozen=True)
class ScaleTarget:
    """A workload as it is, and its `/scale`.

    The two are read one after the other: where their versions differ, it changed in between.
    """

    ref: ScaleTargetRef
    kind: Kind
    stored: Object
    scale: Object

    @property
    def selector(self) -> str:
        """Which pods are its own, as the API takes it for a label selector."""
        text: str = (self.scale.get("status") or {}).get("selector") or ""
        return text

    @property
    def owners(self) -> list[dict[str, Any]]:
        """Its owner references."""
        return list(self.stored["metadata"].get("ownerReferences") or ())


async def resolve_kind(cluster: Cluster, ref: ScaleTargetRef) -> Kind:
    """The kind that a reference names; `ScaleTargetError` where there is none with `/scale`."""
    resources = await cluster.resources(ref.api_version)
    plural = next(
        (name for name, kind in resources.items() if kind == ref.kind and "/" not in name), None
    )
    if plural is None:
        raise ScaleTargetError(
            TargetFault.NOT_SCALABLE,
            f"The API server knows no {ref.kind} of {ref.api_version}: {ref} cannot be scaled.",
        )
    if f"{plural}/scale" not in resources:
        raise ScaleTargetError(
            TargetFault.NOT_SCALABLE,
            f"{ref} has no subresource scale, by which replicas are read and set.",
        )
    return Kind(ref.kind, ref.api_version, plural)


async def read_target(
    cluster: Cluster, namespace: str, ref: ScaleTargetRef, kind: Kind
) -> ScaleTarget:
    """A target as it is; `ScaleTargetError` where it is not there, or not to be taken."""
    try:
        stored = await cluster.get(kind, namespace, ref.name)
        scale = await cluster.get(kind, namespace, ref.name, subresource="scale")
    except ClusterError as error:
        if error.status != FORBIDDEN:
            raise
        raise ScaleTargetError(
            TargetFault.NOT_SCALABLE,
            f"The operator may not read {ref}: add {kind.plural} of {ref.api_version} to the value "
            "scaleTargets of its chart.",
        ) from error
    if stored is None or scale is None:
        raise ScaleTargetError(
            TargetFault.MISSING, f"{ref} does not exist in namespace {namespace}."
        )
    target = ScaleTarget(ref, kind, stored, scale)
    if not target.selector:
        raise ScaleTargetError(
            TargetFault.NOT_SCALABLE,
            f"The subresource scale of {ref} names no selector, so nobody knows its pods.",
        )
    ours = next((owner for owner in target.owners if owner["kind"] == KIND), None)
    if ours is not None:
        raise ScaleTargetError(
            TargetFault.TAKEN,
            f"{ref} belongs to {KIND} {ours['name']}, which scales it. Name another target.",
        )
    return target
