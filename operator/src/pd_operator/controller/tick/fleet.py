"""Where a service's pods and replicas are found: made by the operator, or by other hands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pd_operator.actuation.cluster import Cluster, Object
from pd_operator.actuation.kinds import DEPLOYMENT, POD
from pd_operator.actuation.workload import Workload
from pd_operator.api.names import LABEL_SERVICE, ServiceKey, router_name
from pd_operator.api.roles import Role
from pd_operator.telemetry.observe_routers import routers_ready


@dataclass(frozen=True)
class FleetView:
    """A service's pods, routers among them where they `routers_known`, and each pool's Deployment.

    All as the API writes them, and as if a pool of ours had made them. `router`: the Deployment of
    our routers, read where none of them is ready.
    """

    pods: list[Object]
    deployments: Mapping[Role, Object | None]
    routers_known: bool = True
    router: Object | None = None


class Fleet(Protocol):
    """The pods and replicas of one service."""

    async def look(self) -> FleetView:
        """See them as they are. `ClusterError` where the API server does not tell."""

    async def pods(self) -> list[Object]:
        """The pods alone."""

    def workload(self, role: Role) -> Workload:
        """What a pool's replicas are written to, once they have been looked at."""


class OwnFleet:
    """The Deployments that the operator made for a service."""

    def __init__(self, cluster: Cluster, key: ServiceKey) -> None:
        self._cluster = cluster
        self._key = key

    async def look(self) -> FleetView:
        """See them as they are."""
        pods = await self.pods()
        deployments = {role: await self._deployment(self.workload(role).name) for role in Role}
        router = (
            None if routers_ready(pods) else await self._deployment(router_name(self._key.name))
        )
        return FleetView(pods, deployments, router=router)

    async def pods(self) -> list[Object]:
        """The pods alone."""
        labels = {LABEL_SERVICE: self._key.name}
        return await self._cluster.select(POD, self._key.namespace, labels)

    def workload(self, role: Role) -> Workload:
        """What a pool's replicas are written to."""
        return Workload.of_pool(self._key, role)

    async def _deployment(self, name: str) -> Object | None:
        return await self._cluster.get(DEPLOYMENT, self._key.namespace, name)
