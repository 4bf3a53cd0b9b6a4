"""The decode's side of the hand-over: it fetches KV from the prefill it was told, over HTTP.

Failure manners are those of SGLang 0.5.23: an unknown prefill is tried a bounded number of times,
a known one is lost after missed heartbeats, and everything else ends at the waiting timeout.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from pd_e2e.engine.job import Bootstrap
from pd_e2e.engine.rooms import PrefillLayout, TransferFailedError
from pd_e2e.engine.settings import Settings

_ROUTE_TIMEOUT = aiohttp.ClientTimeout(total=5)
_HEARTBEAT_TIMEOUT = aiohttp.ClientTimeout(sock_connect=2, sock_read=3)
_log = logging.getLogger(__name__)


class HandshakeFailedError(Exception):
    """The prefill could not be reached; the message is SGLang's reason."""


class LayoutMismatchError(Exception):
    """Prefill and decode disagree on the layout of the KV cache: a decode dies of that."""


@dataclass
class _Prefill:
    """A prefill that this decode has spoken to, and the fetches under way from it."""

    epoch: int
    fetches: dict[asyncio.Task[None], float] = field(default_factory=dict)
    heartbeat: asyncio.Task[None] | None = None
    lost: bool = False


class KvReceiver:
    """Keep-alive connections to prefills, and what is known about them.

    `stall` stops the decode's scheduler while it is entered: SGLang 0.5.23 asks an unknown
    prefill about itself with a blocking call in the scheduler's loop.
    """

    def __init__(
        self,
        layout: PrefillLayout,
        settings: Settings,
        stall: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._layout = layout
        self._settings = settings
        self._stall = stall
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
        )
        self._prefills: dict[str, _Prefill] = {}
        self._probes: dict[str, asyncio.Task[None]] = {}

    def knows(self, bootstrap: Bootstrap) -> bool:
        """Whether no handshake is needed before the fetch."""
        return bootstrap.address in self._prefills or not bootstrap.has_peer

    async def handshake(self, bootstrap: Bootstrap) -> None:
        """Learn about a prefill; all requests that name it share the attempts."""
        address = bootstrap.address
        probe = self._probes.get(address)
        if probe is None:
            probe = self._probes[address] = asyncio.create_task(self._probe(address))
            probe.add_done_callback(lambda _: self._probes.pop(address))
        await asyncio.shield(probe)

    async def fetch(self, bootstrap: Bootstrap) -> None:
        """Wait until the KV of a room is here; `TransferFailedError` says why it will not come."""
        if not bootstrap.has_peer:
            return
        if bootstrap.address not in self._prefills:
            await self._relearn(bootstrap)
        prefill = self._prefills[bootstrap.address]
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine always runs in a task
        begun = time.monotonic()
        prefill.fetches[task] = begun
        if prefill.heartbeat is None:
            prefill.heartbeat = asyncio.create_task(self._watch(bootstrap.address, prefill))
        try:
            async with asyncio.timeout(self._settings.waiting_timeout_seconds):
                await self._get_room(bootstrap, prefill.epoch)
        except TimeoutError:
            self._prefills.pop(bootstrap.address, None)
            elapsed = time.monotonic() - begun
            raise TransferFailedError(
                f"Request {bootstrap.room} timed out after {elapsed:.1f}s in KVPoll.WaitingForInput"
            ) from None
        except asyncio.CancelledError:
            if prefill.lost:
                raise TransferFailedError(_lost(bootstrap.address)) from None
            raise
        finally:
            del prefill.fetches[task]

    async def close(self) -> None:
        """Drop all connections."""
        for task in (*self._probes.values(), *(p.heartbeat for p in self._prefills.values())):
            if task is not None:
                task.cancel()
        await self._session.close()

    async def _relearn(self, bootstrap: Bootstrap) -> None:
        """The prefill was lost while the request waited for room."""
        try:
            await self.handshake(bootstrap)
        except HandshakeFailedError as error:
            raise TransferFailedError(str(error)) from None

    async def _get_room(self, bootstrap: Bootstrap, epoch: int) -> None:
        url = f"http://{bootstrap.address}/kv/{bootstrap.room}?epoch={epoch}"
        try:
            async with self._session.get(url) as answer:
                text = await answer.text()
                if answer.status == 200:
                    return
        except aiohttp.ClientConnectionError:
            # A decode hears nothing of a prefill that dies. Heartbeats or the timeout tell it.
            await asyncio.Event().wait()
        raise TransferFailedError(text)

    async def _probe(self, address: str) -> None:
        for attempt in range(self._settings.prefill_attempts):
            if attempt:
                await asyncio.sleep(self._settings.prefill_attempt_seconds)
            with self._stall():
                prefill = await self._ask(address)
            if prefill is not None:
                self._prefills[address] = prefill
                return
        _log.error(
            "Could not fetch prefill parallel info from %s after %d attempts",
            address,
            self._settings.prefill_attempts,
        )
        raise HandshakeFailedError("Aborted by AbortReq.")

    async def _ask(self, address: str) -> _Prefill | None:
        try:
            async with self._session.get(
                f"http://{address}/route", timeout=_ROUTE_TIMEOUT
            ) as answer:
                if answer.status != 200:
                    return None
                facts = await answer.json()
        except (aiohttp.ClientError, TimeoutError):
            return None
        self._check_layout(facts)
        return _Prefill(epoch=facts["epoch"])

    def _check_layout(self, facts: Mapping[str, Any]) -> None:
        for name, theirs, ours in (
            ("Page size", facts["page_size"], self._layout.page_size),
            ("KV cache dtype", facts["kv_cache_dtype"], self._layout.kv_cache_dtype),
        ):
            if theirs != ours:
                raise LayoutMismatchError(f"{name} mismatch: prefill has {theirs}, decode {ours}")

    async def _watch(self, address: str, prefill: _Prefill) -> None:
        """Ask a prefill that has kept a fetch waiting whether it is alive."""
        missed = 0
        while missed < self._settings.heartbeat_failures:
            await asyncio.sleep(self._settings.heartbeat_seconds)
            if not prefill.fetches:
                prefill.heartbeat = None
                return
            patience = time.monotonic() - self._settings.heartbeat_seconds / 2
            if min(prefill.fetches.values()) < patience:
                missed = 0 if await self._is_alive(address) else missed + 1
        prefill.lost = True
        self._prefills.pop(address, None)
        _log.error("%s, %d requests affected", _lost(address), len(prefill.fetches))
        for fetch in tuple(prefill.fetches):
            fetch.cancel()

    async def _is_alive(self, address: str) -> bool:
        url = f"http://{address}/health"
        try:
            async with self._session.get(url, timeout=_HEARTBEAT_TIMEOUT) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False


def _lost(address: str) -> str:
    return f"Lost connection with prefill instance (bootstrap_addr: {address})"
