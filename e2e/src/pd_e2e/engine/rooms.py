"""The prefill's side of the hand-over: rooms in which a decode picks up a request's KV.

SGLang moves KV by RDMA after a handshake over ZMQ. Here both are one HTTP request: a decode that
has room for the KV asks for the room with `GET /kv/{room}`, and gets its answer when the last
byte would have arrived.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from pd_e2e.engine.job import Job


class TransferFailedError(Exception):
    """The KV of a room will not come; the message is SGLang's reason."""


@dataclass(frozen=True)
class PrefillLayout:
    """What prefill and decode must agree on for KV to be moved between them."""

    page_size: int
    kv_cache_dtype: str


@dataclass
class Rooms:
    """Decodes that wait for a room, and requests that wait for their decode.

    Either may come first: the router sends a request to both workers at once. `on_paired` is
    called when both are there, `on_deserted` when the decode of a request has gone away.
    """

    on_paired: Callable[[Job], None]
    on_deserted: Callable[[Job], None]
    _decodes: dict[int, asyncio.Future[None]] = field(default_factory=dict)
    _jobs: dict[int, Job] = field(default_factory=dict)

    def expect(self, job: Job) -> None:
        """A request for this room has come."""
        room = job.bootstrap.room
        self._jobs[room] = job
        if room in self._decodes:
            self.on_paired(job)

    async def collect(self, room: int) -> Job:
        """Wait, as its decode, for the KV of `room`; `TransferFailedError` if it will not come."""
        if room in self._decodes:
            raise TransferFailedError("Duplicate decode bootstrap room")
        arrival = self._decodes[room] = asyncio.get_running_loop().create_future()
        job = self._jobs.get(room)
        if job is not None:
            self.on_paired(job)
        try:
            await arrival
            return self._jobs[room]
        except asyncio.CancelledError:
            deserted = self._jobs.pop(room, None)
            if deserted is not None:
                self.on_deserted(deserted)
            raise
        finally:
            del self._decodes[room]
            self._jobs.pop(room, None)

    def deliver(self, job: Job) -> None:
        """All KV of `job` has arrived."""
        arrival = self._decodes.get(job.bootstrap.room)
        if arrival is not None and not arrival.done():
            arrival.set_result(None)

    def fail(self, job: Job, reason: str) -> None:
        """The KV of `job` will not come."""
        room = job.bootstrap.room
        self._jobs.pop(room, None)
        arrival = self._decodes.get(room)
        if arrival is not None and not arrival.done():
            arrival.set_exception(TransferFailedError(reason))
