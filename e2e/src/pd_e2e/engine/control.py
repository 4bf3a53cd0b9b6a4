"""The endpoints an operator uses: information, load, pause, abort, flush, role switch, faults."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from pd_e2e.engine import info
from pd_e2e.engine.engine import Engine
from pd_e2e.engine.faults import Fault, FaultError, FaultKind, Faults
from pd_e2e.engine.role_switch import RoleSwitch

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FLUSHED = (
    "Cache flushed.\nPlease check backend logs for more details. "
    "(When there are running or waiting requests, the operation will not be performed.)\n"
)
_NONSENSE: Mapping[str, str] = {
    "negative": '{"loads":[{"dp_rank":0,"num_running_reqs":-7,"num_waiting_reqs":1e30,'
    '"max_total_num_tokens":0,"token_usage":-3.5,"decode_moments":[-1],'
    '"disaggregation":{"mode":"both"}}]}',
    "text": '{"loads":[{"num_running_reqs":"many","token_usage":"full"}]}',
    "empty": '{"loads":[]}',
    "not_json": "<html>502 Bad Gateway</html>",
}


class Control:
    """Control endpoints of one engine; `startup` is filled when start-up ends."""

    def __init__(self, engine: Engine, faults: Faults) -> None:
        self._engine = engine
        self._faults = faults
        self._switch = RoleSwitch(engine)
        self.startup: dict[str, Any] = {}

    async def server_info(self, _: web.Request) -> web.Response:
        """Command line and state."""
        return web.json_response(info.server_info(self._engine, self.startup))

    async def model_info(self, _: web.Request) -> web.Response:
        """Model and live role."""
        return web.json_response(info.model_info(self._engine))

    async def models(self, _: web.Request) -> web.Response:
        """OpenAI's list of models."""
        return web.json_response(info.models(self._engine))

    async def loads(self, http: web.Request) -> web.Response:
        """The load, as JSON or as Prometheus text."""
        begun = time.perf_counter()
        if self._faults.is_active(FaultKind.NONSENSE_LOADS):
            text = _NONSENSE.get(self._faults.active.variant, _NONSENSE["negative"])
            return web.Response(text=text, content_type="application/json")
        include = http.query.get("include")
        sections = [part.strip() for part in include.split(",")] if include else None
        load = self._engine.load()
        try:
            if http.query.get("format") == "prometheus":
                return web.Response(
                    body=load.to_prometheus(sections).encode(),
                    headers={"Content-Type": _METRICS_TYPE},
                )
            body = load.to_dict(sections)
        except ValueError:
            # SGLang 0.5.23 does not say what is wrong with the question.
            return web.Response(text="Internal Server Error", status=500)
        context = self._engine.context
        context.metrics.loads_answered(time.perf_counter() - begun)
        return web.json_response(
            {
                "timestamp": _iso_now(),
                "version": info.VERSION,
                "accelerator": context.accelerator,
                "num_accelerators": context.arguments.tensor_parallel_size,
                "loads": [body],
            }
        )

    async def metrics(self, _: web.Request) -> web.Response:
        """Prometheus metrics, on a server that was started with them."""
        absent = self._faults.is_active(FaultKind.NO_METRICS)
        if absent or not self._engine.context.arguments.metrics:
            return web.json_response({"detail": "Not Found"}, status=404)
        body = self._engine.context.metrics.render()
        return web.Response(body=body, headers={"Content-Type": _METRICS_TYPE})

    async def pd_role_switch(self, http: web.Request) -> web.Response:
        """Change the role at run time."""
        result = await self._switch.switch(await _json(http))
        return web.json_response(result.to_dict(), status=int(result.status))

    async def flush_cache(self, _: web.Request) -> web.Response:
        """Flush the prefix cache, which only an idle server does."""
        if self._engine.idle:
            return web.Response(text=_FLUSHED)
        return web.Response(text="Flush cache failed.\n", status=400)

    async def abort_request(self, http: web.Request) -> web.Response:
        """Abort one request by its id, or all."""
        body = await _json(http)
        if body.get("abort_all"):
            self._engine.abort_all("Abort request")
        else:
            self._engine.abort_by_id(str(body.get("rid") or ""), "Abort request")
        return web.Response()

    async def pause_generation(self, http: web.Request) -> web.Response:
        """Hold new requests back, and end or freeze the present ones."""
        body = await _json(http)
        self._engine.pause(str(body.get("mode", "abort")))
        message = "Generation paused successfully."
        return web.json_response({"message": message, "status": "ok"})

    async def continue_generation(self, _: web.Request) -> web.Response:
        """Go on."""
        self._engine.resume()
        message = "Generation continued successfully."
        return web.json_response({"message": message, "status": "ok"})

    async def fault(self, http: web.Request) -> web.Response:
        """Simulator only: switch a fault on or off."""
        try:
            fault = Fault.read(await _json(http))
        except FaultError as error:
            return web.json_response({"error": {"message": str(error)}}, status=400)
        self._faults.inject(fault)
        return web.json_response({"fault": fault.kind})


async def _json(http: web.Request) -> Mapping[str, Any]:
    raw = await http.read()
    try:
        body = json.loads(raw) if raw else {}
    except ValueError:
        raise web.HTTPBadRequest(text="The body is not JSON") from None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="The body is not a JSON object")
    return body


def _iso_now() -> str:
    return datetime.now(UTC).isoformat()
