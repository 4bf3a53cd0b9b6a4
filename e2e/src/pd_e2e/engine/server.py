"""The HTTP server of one engine, from start-up to the last request after SIGTERM."""

import asyncio
import gc
import logging
import random
import signal
from collections.abc import Awaitable, Callable

from aiohttp import web

from pd_e2e.engine import generation
from pd_e2e.engine.bootstrap import BootstrapServer
from pd_e2e.engine.context import EngineContext
from pd_e2e.engine.control import Control
from pd_e2e.engine.engine import Engine, Status
from pd_e2e.engine.faults import Fault, FaultKind, Faults
from pd_e2e.engine.generation import GenerationEndpoint
from pd_e2e.engine.job import NO_PEER, Bootstrap, Job, Stamps
from pd_e2e.engine.probes import Probes
from pd_operator.api.roles import Role

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_LARGEST_BODY_BYTES = 256 * 2**20
WARM_UP_PROMPT_TOKENS, WARM_UP_OUTPUT_TOKENS = 4, 8
"""Of the request that SGLang 0.5.23 sends itself before it is ready."""

_LAST_CONNECTIONS_SECONDS = 0.5
"""Whoever is still connected after the drain is cut off."""

_API_KEEP_ALIVE_SECONDS = 5.0
"""SGLang closes idle API connections after this; decodes keep theirs to the registry for longer."""

_REGISTRY_KEEP_ALIVE_SECONDS = 120.0
_log = logging.getLogger(__name__)


class EngineServer:
    """One worker: a registry for decodes, an API port, a start, and an end."""

    def __init__(self, context: EngineContext) -> None:
        self._context = context
        self._engine = Engine(context)
        self._faults = Faults(self._engine)
        self._faults.set_listening = self._set_listening
        self._control = Control(self._engine, self._faults)
        self._loaded = False
        self._runners: list[web.AppRunner] = []
        self._api: web.AppRunner | None = None
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Start, serve, and return when the last request after SIGTERM is done."""
        housekeeping = asyncio.create_task(self._engine.keep_house())
        try:
            await self._start()
            await self._stop.wait()
            await self._drain()
        finally:
            housekeeping.cancel()
            for runner in self._runners:
                await runner.cleanup()
            await self._engine.role.close()

    async def _start(self) -> None:
        settings, arguments = self._context.settings, self._context.arguments
        jitter = random.Random(settings.seed).uniform(-1, 1) * settings.startup_jitter
        startup = settings.startup_seconds * (1 + jitter)
        warmup = min(settings.warmup_seconds, startup)
        if arguments.role is Role.PREFILL or arguments.role_switch:
            registry = BootstrapServer(self._engine, lambda: self._loaded)
            await self._listen(
                registry.app(), arguments.bootstrap_port, _REGISTRY_KEEP_ALIVE_SECONDS
            )
        await asyncio.sleep(startup - warmup)
        self._loaded = True
        self._api = await self._listen(self._app(), arguments.port, _API_KEEP_ALIVE_SECONDS)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._terminate)
        fault = Fault.read(settings.fault) if settings.fault else None
        if fault and fault.kind is FaultKind.NEVER_READY:
            return
        await asyncio.sleep(warmup)
        await self._warm_up()
        self._report_startup(startup, warmup)
        self._engine.status = Status.UP
        # Nothing that lives until now will ever be garbage: collections need not look at it.
        gc.freeze()
        _log.info("The server is fired up and ready to roll!")
        if fault:
            self._faults.inject(fault)

    async def _warm_up(self) -> None:
        """One request without a peer, which stays in all counters for ever, as in SGLang."""
        now = asyncio.get_running_loop().time()
        job = Job(
            rid="warm-up",
            prompt_tokens=WARM_UP_PROMPT_TOKENS,
            output_tokens=WARM_UP_OUTPUT_TOKENS,
            streaming=False,
            bootstrap=Bootstrap(NO_PEER, self._context.arguments.bootstrap_port, 0),
            prompt_key=0,
            stamps=Stamps(received=now),
        )
        request = self._engine.submit(job)
        while (await request.outputs.get()).finish is None:
            pass

    def _report_startup(self, startup: float, warmup: float) -> None:
        load = startup - warmup
        phases = {
            "load_weight": 0.8 * load,
            "kv_cache_allocation": 0.1 * load,
            "scheduler_e2e": load,
            "tokenizer_e2e": startup,
        }
        self._control.startup.update({**phases, "cuda_graph": {"prefill": 0.0, "decode": 0.0}})
        context = self._context
        context.metrics.startup(phases)
        context.metrics.capacity(
            context.kv_tokens, context.arguments.context_tokens, context.kv_gigabytes
        )
        self._engine.role.report()

    def _terminate(self) -> None:
        _log.warning("SIGTERM received. Draining requests and shutting down...")
        self._engine.stopping = True
        self._stop.set()

    async def _drain(self) -> None:
        """As SGLang: look every few seconds whether the request table is empty, without bound."""
        settings = self._context.settings
        await asyncio.sleep(settings.sigterm_poll_seconds)
        while self._engine.table and not settings.force_shutdown:
            if self._engine.status is Status.UNHEALTHY:
                _log.error("SIGTERM received while health check failed. Force exiting.")
                return
            remaining = len(self._engine.table)
            _log.info("Gracefully exiting... Remaining number of requests %d.", remaining)
            await asyncio.sleep(settings.sigterm_poll_seconds)

    async def _listen(
        self, app: web.Application, port: int, keep_alive_seconds: float
    ) -> web.AppRunner:
        runner = web.AppRunner(
            app,
            access_log=None,
            handler_cancellation=True,
            keepalive_timeout=keep_alive_seconds,
            shutdown_timeout=_LAST_CONNECTIONS_SECONDS,
        )
        await runner.setup()
        await web.TCPSite(runner, self._context.arguments.host, port).start()
        self._runners.append(runner)
        return runner

    async def _set_listening(self, listening: bool) -> None:
        if self._api is None:
            return
        for site in tuple(self._api.sites):
            await site.stop()
        if listening:
            arguments = self._context.arguments
            await web.TCPSite(self._api, arguments.host, arguments.port).start()

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=_LARGEST_BODY_BYTES)
        control, probes = self._control, Probes(self._engine, self._faults)
        chat = GenerationEndpoint(self._engine, generation.CHAT)
        completion = GenerationEndpoint(self._engine, generation.COMPLETION)
        generate = GenerationEndpoint(self._engine, generation.GENERATE)
        routes: tuple[tuple[str, tuple[str, ...], Handler], ...] = (
            ("/v1/chat/completions", ("POST",), chat.handle),
            ("/v1/completions", ("POST",), completion.handle),
            ("/generate", ("POST", "PUT"), generate.handle),
            ("/ready", ("GET",), probes.ready),
            ("/ping", ("GET",), probes.ping),
            ("/health", ("GET",), probes.health),
            ("/health_generate", ("GET",), probes.health),
            ("/metrics", ("GET",), control.metrics),
            ("/v1/loads", ("GET",), control.loads),
            ("/v1/models", ("GET",), control.models),
            ("/model_info", ("GET",), control.model_info),
            ("/get_model_info", ("GET",), control.model_info),
            ("/server_info", ("GET",), control.server_info),
            ("/get_server_info", ("GET",), control.server_info),
            ("/pd_role_switch", ("POST",), control.pd_role_switch),
            ("/flush_cache", ("GET", "POST"), control.flush_cache),
            ("/abort_request", ("POST",), control.abort_request),
            ("/pause_generation", ("POST",), control.pause_generation),
            ("/continue_generation", ("POST",), control.continue_generation),
            ("/pd_engine/fault", ("POST",), control.fault),
        )
        for path, methods, handler in routes:
            for method in methods:
                app.router.add_route(method, path, self._watched(path, handler))
        app.router.add_route("*", "/{path:.*}", _not_found)
        return app

    def _watched(self, path: str, handler: Handler) -> Handler:
        """Count requests as SGLang's middleware does; a refusing server hangs up."""
        metrics, faults = self._context.metrics, self._faults

        async def watched(http: web.Request) -> web.StreamResponse:
            if faults.is_active(FaultKind.REFUSE) and http.transport is not None:
                http.transport.abort()
            metrics.http_begun(path, http.method)
            status = 500
            try:
                response = await handler(http)
                status = response.status
            finally:
                metrics.http_ended(path, http.method, status)
            return response

        return watched


async def _not_found(_: web.Request) -> web.StreamResponse:
    return web.json_response({"detail": "Not Found"}, status=404)
