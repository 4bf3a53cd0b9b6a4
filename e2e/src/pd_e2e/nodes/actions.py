"""What a probe or a lifecycle hook does: an HTTP request, a TCP connection, a command, a pause."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from pd_e2e.cluster.lifeline import Lifeline
from pd_e2e.nodes.api import Json
from pd_e2e.nodes.process import Command, PodProcess

_SHOWN_OUTPUT = 512


class UnknownPortError(ValueError):
    """An action names a port that its container does not declare."""


@dataclass(frozen=True)
class Outcome:
    """Whether an action succeeded, and what it said otherwise."""

    succeeded: bool
    message: str = ""


@dataclass(frozen=True)
class ActionRunner:
    """Runs the actions of one container."""

    session: aiohttp.ClientSession
    lifeline: Lifeline
    pod_ip: str
    ports: Mapping[str, int]
    """The container's named ports."""
    command: Callable[[list[str]], Command]
    """Puts a command line into the container's surroundings."""
    scratch: Path
    """Where an exec action's output goes."""

    async def run(self, action: Json, timeout_seconds: float) -> Outcome:
        """Run the one action that a probe or a handler holds, within the time."""
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._run(action)
        except TimeoutError:
            return Outcome(False, f"no answer within {timeout_seconds:g} s")
        except UnknownPortError as error:
            return Outcome(False, str(error))

    async def _run(self, action: Json) -> Outcome:
        match action:
            case {"httpGet": request}:
                return await self._http(request)
            case {"tcpSocket": target}:
                return await self._tcp(target)
            case {"exec": {"command": arguments}}:
                return await self._exec(arguments)
            case {"sleep": {"seconds": seconds}}:
                await asyncio.sleep(seconds)
                return Outcome(True)
        return Outcome(False, f"not supported by this node: {sorted(action)}")

    async def _http(self, request: Json) -> Outcome:
        host, port = request.get("host") or self.pod_ip, self._port(request["port"])
        scheme = request.get("scheme", "HTTP").lower()
        url = f"{scheme}://{host}:{port}/{request.get('path', '/').lstrip('/')}"
        headers = {entry["name"]: entry["value"] for entry in request.get("httpHeaders", ())}
        try:
            async with self.session.get(url, headers=headers, ssl=False) as answer:
                if 200 <= answer.status < 400:
                    return Outcome(True)
                return Outcome(False, f"HTTP probe failed with statuscode: {answer.status}")
        except (aiohttp.ClientError, OSError) as error:
            return Outcome(False, f"Get {url}: {error}")

    async def _tcp(self, target: Json) -> Outcome:
        host, port = target.get("host") or self.pod_ip, self._port(target["port"])
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError as error:
            return Outcome(False, f"dial tcp {host}:{port}: {error}")
        writer.close()
        return Outcome(True)

    async def _exec(self, arguments: list[str]) -> Outcome:
        output = self.scratch / f"exec-{id(asyncio.current_task()):x}.log"
        try:
            process = PodProcess(self.command(arguments), output, self.lifeline)
        except OSError as error:
            return Outcome(False, f"command {arguments[0]!r}: {error}")
        try:
            code = await process.wait()
            said = output.read_text(errors="replace")[-_SHOWN_OUTPUT:]
            return Outcome(code == 0, said.strip() or f"exit code {code}")
        finally:
            process.kill()
            output.unlink(missing_ok=True)

    def _port(self, port: int | str) -> int:
        if isinstance(port, int):
            return port
        if port in self.ports:
            return self.ports[port]
        raise UnknownPortError(f"the container has no port named {port!r}")
