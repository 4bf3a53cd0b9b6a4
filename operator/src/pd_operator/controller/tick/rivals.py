"""Who else sets the replicas of workloads that a service is attached to.

Two that scale one workload undo each other's changes without end, and each of them would lower the
number for a pod that the other has not drained. So the operator only scales what nobody else does.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pd_operator.actuation.cluster import Cluster, Object
from pd_operator.actuation.kinds import PD_SERVICE, POD_AUTOSCALER
from pd_operator.actuation.scale_targets import ScaleTarget, ScaleTargetError, TargetFault
from pd_operator.api.autoscaling import Mode
from pd_operator.api.names import KIND
from pd_operator.api.roles import Role
from pd_operator.api.scale_target import ScaleTargetRef
from pd_operator.api.v1alpha1 import PDInferenceService


async def must_be_alone(
    cluster: Cluster, service: PDInferenceService, targets: Mapping[Role, ScaleTarget]
) -> None:
    """`ScaleTargetError` where somebody else scales a target; its message says who.

    Of two services that are attached to one workload, the older has it.
    """
    namespace = service.metadata.namespace
    autoscalers = await cluster.select(POD_AUTOSCALER, namespace, {})
    services = await cluster.select(PD_SERVICE, namespace, {})
    for target in targets.values():
        rival = (
            _controller(target)
            or _autoscaler(target.ref, autoscalers)
            or _other_service(target.ref, service, services)
        )
        if rival:
            raise ScaleTargetError(
                TargetFault.TAKEN,
                f"{target.ref} is scaled by {rival} too. Remove that, or set mode to Advisory.",
            )


def _controller(target: ScaleTarget) -> str:
    owner = next((one for one in target.owners if one.get("controller")), None)
    return f"{owner['kind']} {owner['name']}, which it belongs to," if owner else ""


def _autoscaler(ref: ScaleTargetRef, autoscalers: Iterable[Object]) -> str:
    names = (
        one["metadata"]["name"]
        for one in autoscalers
        if _is_same(ref, one["spec"]["scaleTargetRef"])
    )
    name = next(names, "")
    return f"{POD_AUTOSCALER.name} {name}" if name else ""


def _other_service(
    ref: ScaleTargetRef, service: PDInferenceService, services: Iterable[Object]
) -> str:
    ordered = sorted(services, key=_age)
    for other in ordered:
        if other["metadata"]["uid"] == service.metadata.uid:
            break  # Younger ones give way.
        mode = (other["spec"].get("autoscaling") or {}).get("mode")
        pools = (other["spec"].get(role.value) or {} for role in Role)
        same = any(_is_same(ref, pool.get("scaleTargetRef") or {}) for pool in pools)
        if same and mode == Mode.ACTIVE.value:
            return f"{KIND} {other['metadata']['name']}"
    return ""


def _age(service: Object) -> tuple[str, str]:
    metadata = service["metadata"]
    return metadata.get("creationTimestamp", ""), metadata["uid"]


def _is_same(ref: ScaleTargetRef, other: Mapping[str, Any]) -> bool:
    """Whether another reference means the same: versions of one group serve the same objects."""
    group = str(other.get("apiVersion", "")).rpartition("/")[0]
    same_group = group in ("", ref.api_version.rpartition("/")[0])
    return same_group and (ref.kind, ref.name) == (other.get("kind"), other.get("name"))
