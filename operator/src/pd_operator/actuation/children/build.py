"""All children of a service, in the order in which they are applied."""

from collections.abc import Collection, Mapping

from pd_operator.actuation.children.access import sidecar_access
from pd_operator.actuation.children.metadata import ROUTER, Manifest, pool, router
from pd_operator.actuation.children.pods import disruption_budget
from pd_operator.actuation.children.pools import pool_deployment
from pd_operator.actuation.children.router import router_deployment
from pd_operator.actuation.children.services import client_service, headless_service
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService


def build_children(
    service: PDInferenceService,
    *,
    operator_image: str,
    replicas: Mapping[Role, int] | None = None,
    making_room: Collection[Role] = (),
) -> list[Manifest]:
    """Every child but the PodMonitor.

    A new pool starts with one worker, the apiserver's default, and is brought to its size
    through `/scale`. `replicas` puts the sizes into the Deployments instead, and must then
    be given on every call: see `pool_deployment`. `making_room`: the pools of which a rollout
    takes an old worker away first.
    """
    sizes = replicas or {}
    return [
        *sidecar_access(service),
        client_service(service),
        *(headless_service(service, role) for role in Role),
        *(
            pool_deployment(service, role, sizes.get(role), makes_room=role in making_room)
            for role in Role
        ),
        router_deployment(service, operator_image),
        *(disruption_budget(service, pool(service, role), role.value) for role in Role),
        disruption_budget(service, router(service), ROUTER),
    ]
