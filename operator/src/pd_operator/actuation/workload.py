"""What the replicas of a pool are written to."""

from dataclasses import dataclass

from pd_operator.actuation.kinds import DEPLOYMENT, Kind
from pd_operator.api.names import ServiceKey, pool_name
from pd_operator.api.roles import Role


@dataclass(frozen=True)
class Workload:
    """One workload in the service's namespace.

    `ours`: whether the operator made it. Of any other, its `/scale` alone is written to.
    """

    kind: Kind
    name: str
    ours: bool = True

    @classmethod
    def of_pool(cls, key: ServiceKey, role: Role) -> "Workload":
        """The Deployment that the operator makes for a pool."""
        return cls(DEPLOYMENT, pool_name(key.name, role))
