"""What a fleet of services looks like: names, workers, nodes and addresses."""

from collections.abc import Iterator
from typing import Any

from pd_e2e.cluster.kwok import KwokNode
from pd_operator.api.names import API_VERSION, KIND
from pd_operator.api.roles import Role

WORKERS = {Role.PREFILL: 4, Role.DECODE: 5}
"""Of one service, which has a router besides: ten pods."""

PER_NAMESPACE = 25
PODS_PER_NODE = 100
POOL_LABEL = "pool"
ROUTERS = "routers"
ADDRESSES = {Role.PREFILL: "127.192", Role.DECODE: "127.193"}
ROUTER_ADDRESSES = "127.194"
"""The first half of pods' addresses, apart from those of pods that run as processes."""

PERIOD_SECONDS = 15
SCRAPE_SECONDS = 15

REQUESTS_PER_SECOND, PROMPT_TOKENS, OUTPUT_TOKENS = 4.0, 600.0, 120.0
TTFT_SECONDS, TPOT_SECONDS = 1.0, 0.03


def namespaces(services: int) -> list[str]:
    """Those of the first so many services."""
    return [f"fleet-{number:02}" for number in range(-(-services // PER_NAMESPACE))]


def place(number: int) -> tuple[str, str]:
    """Namespace and name of a service."""
    return f"fleet-{number // PER_NAMESPACE:02}", f"chat-{number:03}"


def nodes(services: int) -> Iterator[KwokNode]:
    """Nodes with room for so many services, those of a role with addresses of their own."""
    for role, count in WORKERS.items():
        yield from _nodes(role.value, ADDRESSES[role], services * count, PODS_PER_NODE)
    yield from _nodes(ROUTERS, ROUTER_ADDRESSES, services, 0)


def addresses(services: int) -> dict[Role, list[str]]:
    """The addresses that workers of a role may have."""
    return {
        role: [
            f"{ADDRESSES[role]}.{node}.{host}"
            for node in range(-(-services * count // PODS_PER_NODE))
            for host in range(1, PODS_PER_NODE + 11)
        ]
        for role, count in WORKERS.items()
    }


def _nodes(pool: str, begin: str, pods: int, gpus: int) -> Iterator[KwokNode]:
    for number in range(-(-pods // PODS_PER_NODE)):
        cidr = f"{begin}.{number}.0/24"
        yield KwokNode(f"{pool}-{number}", cidr, gpus, {POOL_LABEL: pool})


def manifest(number: int, prometheus_url: str) -> dict[str, Any]:
    """A service that has what its load calls for."""
    namespace, name = place(number)
    pools = {
        role.value: {
            "minReplicas": count,
            "maxReplicas": count + 2,
            "expectedStartupSeconds": 60,
            "template": _on(role.value),
        }
        for role, count in WORKERS.items()
    }
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "model": {"path": "org/model", "servedName": "model"},
            "engine": {"image": "engine", "profile": {"name": "llama-3.1-8b-l40s"}},
            "objectives": {
                "ttft": {"milliseconds": round(1000 * TTFT_SECONDS)},
                "tpot": {"milliseconds": round(1000 * TPOT_SECONDS)},
            },
            **pools,
            "router": {"template": _on(ROUTERS)},
            "autoscaling": {"periodSeconds": PERIOD_SECONDS, "forecast": {"historyDays": 1}},
            "metrics": {
                "prometheusUrl": prometheus_url,
                "scrapeIntervalSeconds": SCRAPE_SECONDS,
            },
        },
    }


def _on(pool: str) -> dict[str, Any]:
    return {"spec": {"nodeSelector": {POOL_LABEL: pool}}}
