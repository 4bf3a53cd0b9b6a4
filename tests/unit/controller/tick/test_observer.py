"""What is fetched for a look, and no more."""

from typing import Any, cast

from aiohttp import ClientSession

from pd_operator.actuation.cluster import Cluster
from pd_operator.api.names import LABEL_COMPONENT, LABEL_ROLE, ServiceKey
from pd_operator.api.roles import Role
from pd_operator.controller.tick.observer import Observer

KEY = ServiceKey("team", "chat")


def pod(name: str, home: str, role: str, *, ready: bool = True, **metadata: Any) -> dict[str, Any]:
    labels = {LABEL_COMPONENT: home, LABEL_ROLE: role}
    condition = {"type": "Ready", "status": str(ready)}
    return {
        "metadata": {"name": name, "labels": labels} | metadata,
        "status": {"phase": "Running", "conditions": [condition]},
    }


class Pods:
    """An API server that only knows how to list them."""

    async def select(self, *_: object) -> list[dict[str, Any]]:
        return [
            pod("own", "decode", "decode"),
            pod("lent", "decode", "prefill"),
            pod("borrowed", "prefill", "decode"),
            pod("unready", "decode", "decode", ready=False),
            pod("leaving", "decode", "decode", deletionTimestamp="2026-01-01T00:00:00Z"),
            pod("router", "router", "router"),
        ]


async def test_who_is_ready_of_a_pool_is_told_by_its_pods_alone() -> None:
    observer = Observer(cast("Cluster", Pods()), cast("ClientSession", None))
    assert await observer.ready_workers(KEY, Role.DECODE) == {"own", "lent"}
    assert await observer.ready_workers(KEY, Role.PREFILL) == {"borrowed"}
