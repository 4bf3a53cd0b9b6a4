"""What the operator answers to probes and scrapes: `/metrics`, `/healthz`, `/readyz`."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client.aiohttp import make_aiohttp_handler

from pd_operator.controller.status.metrics import OperatorMetrics

Check = Callable[[], str | None]
"""`None` where all is well, else what is wrong."""


def application(metrics: OperatorMetrics, alive: Check, ready: Check) -> web.Application:
    """The endpoints over `metrics` and two checks; OpenMetrics for who asks for it."""

    def probe(check: Check) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(_: web.Request) -> web.Response:
            fault = check()
            return web.Response(status=503 if fault else 200, text=f"{fault or 'ok'}\n")

        return answer

    app = web.Application()
    app.router.add_get("/metrics", make_aiohttp_handler(metrics.registry))
    app.router.add_get("/healthz", probe(alive))
    app.router.add_get("/readyz", probe(ready))
    return app


async def serve(app: web.Application, host: str, port: int) -> web.AppRunner:
    """Start listening; the caller cleans the runner up."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
