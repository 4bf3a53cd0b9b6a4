"""The registry on a prefill's bootstrap port: is it there, what is it like, where is the KV."""

import asyncio
from collections.abc import Callable

from aiohttp import web

from pd_e2e.engine.engine import Engine
from pd_e2e.engine.prefill_role import PrefillRole
from pd_e2e.engine.rooms import TransferFailedError


class BootstrapServer:
    """Serves decodes. `is_loaded` turns true when the ranks have registered.

    `/health` and `/route` are SGLang's. `/kv/{room}` stands for its handshake and its RDMA write:
    it answers when the last byte of KV would be there.
    """

    def __init__(self, engine: Engine, is_loaded: Callable[[], bool]) -> None:
        self._engine = engine
        self._is_loaded = is_loaded

    def app(self) -> web.Application:
        """The registry as an application of its own."""
        app = web.Application()
        app.router.add_get("/health", self.health)
        app.router.add_get("/route", self.route)
        app.router.add_get("/kv/{room}", self.kv)
        return app

    async def health(self, _: web.Request) -> web.Response:
        """200 as soon as the process listens."""
        return web.Response(text="OK")

    async def route(self, _: web.Request) -> web.Response:
        """What a decode needs to know before the first fetch."""
        role, context = self._engine.role, self._engine.context
        if not self._is_loaded() or not isinstance(role, PrefillRole):
            return web.Response(status=503, text="Prefill server not fully registered yet")
        return web.json_response(
            {
                "attn_tp_size": context.arguments.tensor_parallel_size,
                "attn_cp_size": 1,
                "dp_size": 1,
                "pp_size": 1,
                "page_size": context.layout.page_size,
                "kv_cache_dtype": context.layout.kv_cache_dtype,
                "follow_bootstrap_room": True,
                "epoch": role.epoch,
            }
        )

    async def kv(self, http: web.Request) -> web.Response:
        """Long poll for a room. A decode that remembers an earlier stay in the role gets nothing.

        SGLang 0.5.23 leaves such a decode with a dead port until its waiting timeout.
        """
        role = self._engine.role
        while not isinstance(role, PrefillRole) or http.query.get("epoch") != str(role.epoch):
            await asyncio.Event().wait()
        try:
            job = await role.rooms.collect(int(http.match_info["room"]))
        except TransferFailedError as error:
            return web.Response(status=500, text=str(error))
        return web.json_response({"prompt_tokens": job.prompt_tokens})
