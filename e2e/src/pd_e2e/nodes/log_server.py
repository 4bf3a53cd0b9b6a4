"""`kubectl logs`: the one part of a kubelet's own API that the nodes have."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from pd_e2e.nodes.node import HOST_IP

_POLL_SECONDS = 0.5
_CHUNK_BYTES = 1 << 16


class LogServer:
    """Serves the containers' log files to the API server, over HTTPS on loopback.

    The API server asks for `/containerLogs/NAMESPACE/POD/CONTAINER`; of its options `follow`,
    `previous`, `tailLines` and `limitBytes` are honored.
    """

    def __init__(self, root: Path, certificate: Path, key: Path) -> None:
        self._root = root
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate, key)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        """Serve while the context lasts; its value is the port."""
        application = web.Application()
        application.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._logs)
        # Followers stay for as long as they like; the end of the agent does not wait for them.
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, HOST_IP, 0, ssl_context=self._context)
            await site.start()
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        match, query = request.match_info, request.query
        suffix = "previous.log" if query.get("previous") == "true" else "log"
        directory = self._root / f"{match['namespace']}_{match['pod']}"
        file = directory / f"{match['container']}.{suffix}"
        if not file.exists():
            return web.Response(status=404, text=f"no log of container {match['container']}")
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        start = _tail_start(file, int(query["tailLines"])) if "tailLines" in query else 0
        limit = int(query["limitBytes"]) if "limitBytes" in query else None
        await _send(response, file, start, limit, follow=query.get("follow") == "true")
        return response


async def _send(
    response: web.StreamResponse, path: Path, start: int, limit: int | None, *, follow: bool
) -> None:
    left = limit
    with path.open("rb") as file:
        file.seek(start)
        while left is None or left > 0:
            chunk = file.read(_CHUNK_BYTES if left is None else min(left, _CHUNK_BYTES))
            if chunk:
                await response.write(chunk)
                left = None if left is None else left - len(chunk)
            elif follow and _is_still_written(path, file.fileno()):
                await asyncio.sleep(_POLL_SECONDS)
            else:
                return


def _is_still_written(path: Path, descriptor: int) -> bool:
    """Whether the open file is the container's present log: a restart sets the old one aside."""
    return path.exists() and path.samefile(f"/proc/self/fd/{descriptor}")


def _tail_start(path: Path, lines: int) -> int:
    """Return the offset at which the last `lines` lines begin."""
    content = path.read_bytes()
    position = len(content)
    for _ in range(lines + content.endswith(b"\n")):
        position = content.rfind(b"\n", 0, position)
        if position < 0:
            return 0
    return position + 1
