"""The agent's narrow way to the Kubernetes API: JSON over aiohttp with a bearer token."""

import base64
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import aiohttp
import yaml

Json = dict[str, Any]

_REQUEST_SECONDS = 10.0
_WATCH_SECONDS = 300


class ApiError(Exception):
    """The API server refused a request."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class ApiUnavailableError(Exception):
    """The API server could not be reached, or did not answer in time."""


class PatchType(StrEnum):
    """How a patch is merged into the object, by its media type."""

    STRATEGIC = "application/strategic-merge-patch+json"
    MERGE = "application/merge-patch+json"


@dataclass(frozen=True)
class ApiAccess:
    """Where the API server is, whom to trust, and the token to show."""

    server: str
    certificate_authority: bytes
    token: str

    @classmethod
    def from_kubeconfig(cls, path: Path) -> Self:
        """Read the current context, which must use a token and embedded certificate data."""
        content = yaml.safe_load(path.read_text())
        context = _named(content["contexts"], content["current-context"])["context"]
        cluster = _named(content["clusters"], context["cluster"])["cluster"]
        user = _named(content["users"], context["user"])["user"]
        if "token" not in user or "certificate-authority-data" not in cluster:
            raise ValueError(f"{path}: needs a user token and certificate-authority-data")
        authority = base64.b64decode(cluster["certificate-authority-data"])
        return cls(cluster["server"], authority, user["token"])


class KubeApi:
    """Requests to one API server. Every method raises ApiError or ApiUnavailableError."""

    def __init__(self, access: ApiAccess) -> None:
        self.access = access

    async def __aenter__(self) -> Self:
        trust = ssl.create_default_context(cadata=self.access.certificate_authority.decode())
        self._session = aiohttp.ClientSession(
            base_url=self.access.server,
            connector=aiohttp.TCPConnector(ssl=trust, limit=16),
            headers={"Authorization": f"Bearer {self.access.token}"},
            timeout=aiohttp.ClientTimeout(total=_REQUEST_SECONDS),
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._session.close()

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        """Read an object or a list."""
        return await self._request("GET", path, query=query)

    async def create(self, path: str, body: Json) -> Json:
        """POST an object to a collection, or a request to a subresource."""
        return await self._request("POST", path, body)

    async def patch(self, path: str, body: Json, kind: PatchType) -> Json:
        """Merge `body` into an object."""
        return await self._request("PATCH", path, body, content_type=kind)

    async def delete(self, path: str, options: Json) -> Json:
        """Delete an object under the given DeleteOptions."""
        return await self._request("DELETE", path, options)

    async def watch(self, path: str, query: Mapping[str, str]) -> AsyncIterator[Json]:
        """Yield watch events until the server ends the watch."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=_WATCH_SECONDS + 30)
        options = {"watch": "true", "allowWatchBookmarks": "true"}
        options["timeoutSeconds"] = str(_WATCH_SECONDS)
        try:
            async with self._session.get(
                path, params={**options, **query}, timeout=timeout
            ) as answer:
                await _raise_for_status(answer)
                async for line in _lines(answer.content):
                    yield json.loads(line)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ApiUnavailableError(str(error)) from error

    async def _request(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Json:
        try:
            async with self._session.request(
                method,
                path,
                params=query,
                data=None if body is None else json.dumps(body).encode(),
                headers={"Content-Type": content_type},
            ) as answer:
                await _raise_for_status(answer)
                result: Json = await answer.json()
                return result
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ApiUnavailableError(str(error)) from error


def _named(entries: list[Json], name: str) -> Json:
    return next(entry for entry in entries if entry["name"] == name)


async def _raise_for_status(answer: aiohttp.ClientResponse) -> None:
    if answer.status < 400:
        return
    text = await answer.text()
    try:
        message = json.loads(text)["message"]
    except (ValueError, KeyError, TypeError):
        message = text
    raise ApiError(answer.status, message)


async def _lines(stream: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    # StreamReader.readline refuses long lines; a pod with its managed fields can be one.
    buffer = bytearray()
    async for chunk in stream.iter_any():
        buffer += chunk
        *whole, rest = bytes(buffer).split(b"\n")
        buffer = bytearray(rest)
        for line in whole:
            yield line
