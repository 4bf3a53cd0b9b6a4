"""`/health`, `/ready`, `/ping`: what a kubelet and a router go by."""

import asyncio

from aiohttp import web

from pd_e2e.engine.engine import Engine, Status
from pd_e2e.engine.faults import FaultKind, Faults


class Probes:
    """Probe endpoints with the manners of SGLang 0.5.23."""

    def __init__(self, engine: Engine, faults: Faults) -> None:
        self._engine = engine
        self._faults = faults

    async def ready(self, _: web.Request) -> web.Response:
        """Ready to take requests: cheap, asks nothing of the GPU."""
        return web.Response(status=200 if self._engine.is_ready else 503)

    async def ping(self, _: web.Request) -> web.Response:
        """As ready, but a paused server still is."""
        healthy = self._engine.status is Status.UP and not self._engine.stopping
        return web.Response(status=200 if healthy else 503)

    async def health(self, http: web.Request) -> web.Response:
        """Generates one token: never under a second, up to the health-check timeout."""
        settings = self._engine.context.settings
        if self._engine.stopping or self._engine.status is Status.STARTING:
            return web.Response(status=503)
        if http.path == "/health" and not settings.health_generates:
            return web.Response(status=200)
        waited = 0.0
        while waited < settings.health_timeout_seconds:
            await asyncio.sleep(1)
            waited += 1
            if not self._faults.is_active(FaultKind.HANG):
                self._engine.status = Status.UP
                return web.Response(status=200)
        self._engine.status = Status.UNHEALTHY
        return web.Response(status=503)
