"""When a router began to send requests to a worker in a role."""

import time
from collections.abc import Callable

import requests

from pd_e2e.background import Background

LOOK_SECONDS = 0.05
"""Between two looks at a router's list: as exact a time is."""


class RouterWatch(Background):
    """Looks at a router's workers over and over, from entering the block to leaving it."""

    def __init__(self, router_url: str) -> None:
        super().__init__()
        self._url = f"{router_url}/workers"
        self._seen: list[tuple[float, dict[str, str]]] = []

    def serves_since(self, pod_ip: str, role: str, decided_seconds: float) -> float | None:
        """When the pod first had the role after a decision (Unix seconds); None: it never did."""
        return self._first(decided_seconds, lambda workers: role in _roles_of(pod_ip, workers))

    def dropped_since(self, pod_ip: str, struck_seconds: float) -> float | None:
        """When the pod first had no role after it was struck (Unix seconds); None: it kept one."""
        return self._first(struck_seconds, lambda workers: not _roles_of(pod_ip, workers))

    def _first(self, since: float, told: Callable[[dict[str, str]], bool]) -> float | None:
        return next((at for at, workers in list(self._seen) if at >= since and told(workers)), None)

    def _run(self) -> None:
        with requests.Session() as session:
            while not self._done.wait(LOOK_SECONDS):
                now = time.time()
                try:
                    listed = session.get(self._url, timeout=5).json()["workers"]
                except requests.RequestException:
                    continue  # the router is away, and sends nothing to anybody
                ready = {w["url"]: w["worker_type"] for w in listed if w["status"] == "ready"}
                if not self._seen or self._seen[-1][1] != ready:
                    self._seen.append((now, ready))


def _roles_of(pod_ip: str, workers: dict[str, str]) -> set[str]:
    spellings = (f"/{pod_ip}:", f":{pod_ip}]")
    return {role for url, role in workers.items() if any(spelling in url for spelling in spellings)}
