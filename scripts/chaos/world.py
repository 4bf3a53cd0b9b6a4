"""What can be struck, and where it is: a cluster of two machines with one service under load."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests
from tests.integration.operator.installed import NAMESPACE as OPERATOR_NAMESPACE
from tests.integration.operator.installed import InstalledOperator
from tests.integration.operator.service import RunningService

from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.prometheus import Prometheus
from pd_e2e.nodes.agent_process import AgentProcess
from pd_operator.api.names import ROLE_ROUTER, ROUTER_PORT
from pd_operator.api.roles import Role

Json = dict[str, Any]
OPERATOR_CONTAINER, ENGINE, ROUTER = "operator", "engine", "router"


@dataclass(frozen=True)
class World:
    """The parts of a service's surroundings; `edge` is a machine with workers and nothing else.

    `edge` is None where there is but one machine.
    """

    control_plane: ControlPlane
    prometheus: Prometheus
    main: AgentProcess
    edge: AgentProcess | None
    operator: InstalledOperator
    chat: RunningService
    chance: random.Random

    def agent_of(self, pod: Json) -> AgentProcess:
        """The machine that a pod runs on."""
        on_edge = self.edge and pod["spec"]["nodeName"] in self.edge.options.node_names
        return self.edge if self.edge and on_edge else self.main

    def routers(self) -> dict[str, Json]:
        """The ready routers, by name."""
        return dict(sorted(self.chat.ready_pods(ROLE_ROUTER).items()))

    def router_urls(self) -> list[str]:
        """Where they are reached, in the order of their names."""
        return [url_of(pod) for pod in self.routers().values()]

    def workers(self) -> dict[str, Json]:
        """The ready workers of both roles, by name."""
        return {
            name: pod for role in Role for name, pod in sorted(self.chat.ready_pods(role).items())
        }

    def restarted(self, role: str, name: str, pod: Json, container: str) -> Callable[[], bool]:
        """Whether a container of this pod, as it was, has been started again since."""
        before = restarts(pod, container)
        return lambda: restarts(self.chat.pods(role)[name], container) > before

    def leader(self) -> tuple[str, str]:
        """Namespace and name of the operator's pod that leads."""
        return OPERATOR_NAMESPACE, self.operator.holder()


def url_of(router: Json) -> str:
    """Where a router's pod is reached."""
    return f"http://{router['status']['podIP']}:{ROUTER_PORT}"


def restarts(pod: Json, container: str) -> int:
    """How often a container of a pod was started again."""
    statuses = pod["status"].get("containerStatuses", ())
    return sum(one["restartCount"] for one in statuses if one["name"] == container)


def routed_by(url: str) -> dict[str, str]:
    """Role by address of the workers that a router sends requests to."""
    listed = requests.get(f"{url}/workers", timeout=5).json()["workers"]
    return {w["url"]: w["worker_type"] for w in listed if w["status"] == "ready"}


@dataclass(frozen=True)
class Hit:
    """What a fault took: addresses of engines' pods, and routers' URLs.

    `replaced`: whether another process has taken the place of the one that was struck, for what is
    started again by itself. Until then all may look whole.
    """

    engines: frozenset[str] = field(default_factory=frozenset)
    routers: frozenset[str] = field(default_factory=frozenset)
    replaced: Callable[[], bool] = lambda: True
