"""The load of the last half hour of each service, as their statuses told it."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence

from pd_operator.api.names import ServiceKey
from pd_operator.controller.registry import Registry

PERIOD_SECONDS = 15.0
SPAN_SECONDS = 1800.0


class Loads:
    """Requests per second over time. Kept in memory: the page is of this process' time."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._rates: dict[ServiceKey, deque[tuple[float, float]]] = {}

    async def keep(self) -> None:
        """Look at the statuses every quarter of a minute, until canceled."""
        while True:
            self.look(time.time())
            await asyncio.sleep(PERIOD_SECONDS)

    def look(self, now_seconds: float) -> None:
        """Add the present loads, and forget what is old and who is gone."""
        services = self._registry.services()
        self._rates = {key: self._rates.get(key, deque()) for key in services}
        for key in services:
            rates, rate = self._rates[key], self._rate(key)
            if rate is not None:
                rates.append((now_seconds, rate))
            while rates and rates[0][0] < now_seconds - SPAN_SECONDS:
                rates.popleft()

    def of(self, key: ServiceKey) -> Sequence[tuple[float, float]]:
        """(Unix seconds, requests per second) of a service, ascending, without unknown ones."""
        return self._rates.get(key, ())

    def _rate(self, key: ServiceKey) -> float | None:
        demand = (self._registry.entry(key).resource.get("status") or {}).get("demand") or {}
        rate = demand.get("milliRequestsPerSecond")
        return rate / 1000 if isinstance(rate, int) else None
