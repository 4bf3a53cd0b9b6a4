"""The pods and replicas of a service that other hands made: found through its targets' `/scale`."""

from collections.abc import Mapping

from pd_operator.actuation.cluster import Cluster, Object
from pd_operator.actuation.kinds import POD, Kind
from pd_operator.actuation.scale_targets import (
    ScaleTarget,
    ScaleTargetError,
    TargetFault,
    read_target,
    resolve_kind,
)
from pd_operator.actuation.workload import Workload
from pd_operator.api.names import LABEL_ROLE, LABEL_SERVICE, ROLE_ROUTER, ServiceKey
from pd_operator.api.pods import label
from pd_operator.api.roles import Role
from pd_operator.api.scale_target import ScaleTargetRef
from pd_operator.controller.tick.fleet import FleetView
from pd_operator.scaling.observation import Known, Observation
from pd_operator.telemetry.attached import as_deployment, as_worker


class AttachedFleet:
    """The workloads that a service's `targets` name.

    Routers are known where they are ours: a router with our worker-table sidecar follows the labels
    that the pods carry for it.
    """

    def __init__(
        self, cluster: Cluster, key: ServiceKey, targets: Mapping[Role, ScaleTargetRef]
    ) -> None:
        self._cluster = cluster
        self._key = key
        self._targets = targets
        self._kinds: dict[Role, Kind] = {}
        self.seen: dict[Role, ScaleTarget] = {}

    async def look(self) -> FleetView:
        """See them as they are. `ScaleTargetError` where a target is not what it must be."""
        targets = self.seen = {role: await self._target(role) for role in Role}
        found = {role: await self._pods(target) for role, target in targets.items()}
        _must_differ(found, targets)
        workers = [
            as_worker(pod, role, self._targets[role].port)
            for role, pods in found.items()
            for pod in pods
        ]
        routed = any(label(pod, LABEL_SERVICE) == self._key.name for pod in workers)
        return FleetView(
            pods=[*workers, *(await self._routers() if routed else ())],
            deployments={
                role: as_deployment(target.stored, target.scale) for role, target in targets.items()
            },
            routers_known=routed,
        )

    async def pods(self) -> list[Object]:
        """The pods, and with them all by which they are found."""
        return (await self.look()).pods

    def workload(self, role: Role) -> Workload:
        """What a pool's replicas are written to."""
        return Workload(self._kinds[role], self._targets[role].name, ours=False)

    async def _target(self, role: Role) -> ScaleTarget:
        ref = self._targets[role]
        if role not in self._kinds:
            self._kinds[role] = await resolve_kind(self._cluster, ref)
        return await read_target(self._cluster, self._key.namespace, ref, self._kinds[role])

    async def _pods(self, target: ScaleTarget) -> list[Object]:
        return await self._cluster.select(POD, self._key.namespace, target.selector)

    async def _routers(self) -> list[Object]:
        labels = {LABEL_SERVICE: self._key.name, LABEL_ROLE: ROLE_ROUTER}
        return await self._cluster.select(POD, self._key.namespace, labels)


def _must_differ(found: Mapping[Role, list[Object]], targets: Mapping[Role, ScaleTarget]) -> None:
    names = [{pod["metadata"]["name"] for pod in pods} for pods in found.values()]
    shared = sorted(names[0] & names[1])
    if shared:
        prefill, decode = (str(targets[role].ref) for role in Role)
        raise ScaleTargetError(
            TargetFault.NOT_SCALABLE,
            f"The selectors of {prefill} and {decode} both find pod {shared[0]}: nobody knows "
            "which pool it is of.",
        )


def must_have_their_roles(seen: Observation, targets: Mapping[Role, ScaleTargetRef]) -> None:
    """`ScaleTargetError` where an engine of a target says that it has another role.

    Such a pool would be sized for the work of the other one.
    """
    for role in Role:
        for worker in seen.pool(role).workers:
            mode = worker.load.value.mode if isinstance(worker.load, Known) else None
            if mode is not None and mode is not role:
                raise ScaleTargetError(
                    TargetFault.OTHER_ROLE,
                    f"{targets[role]} is named as {role.value}, and its pod {worker.name} says "
                    f"that it serves as {mode.value}.",
                )
