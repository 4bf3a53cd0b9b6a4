"""One engine: the requests it has, the role it is in, and the state that its probes report."""

import asyncio
import time
from dataclasses import dataclass, field
from enum import StrEnum

from pd_e2e.engine.context import EngineContext
from pd_e2e.engine.decode_role import DecodeRole
from pd_e2e.engine.job import Finish, FinishKind, Job, Output, is_error
from pd_e2e.engine.loads import Load, Memory
from pd_e2e.engine.prefill_role import PrefillRole
from pd_operator.api.roles import Role

_GAUGES_WHEN_IDLE_SECONDS = 30.0


class Status(StrEnum):
    """What the probes go by."""

    STARTING = "Starting"
    UP = "Up"
    UNHEALTHY = "UnHealthy"


@dataclass
class Request:
    """A request in the table: what it produced waits in `outputs` for the HTTP handler."""

    job: Job
    outputs: asyncio.Queue[Output] = field(default_factory=asyncio.Queue)
    first_at: float | None = None
    last_at: float = 0.0
    counted: int = 0


class Engine:
    """The request table in front of a role's scheduler. `table` holds requests by their id."""

    def __init__(self, context: EngineContext) -> None:
        self.context = context
        self.status = Status.STARTING
        self.stopping = False
        self.running = asyncio.Event()
        self.running.set()
        self.table: dict[str, Request] = {}
        self.role: PrefillRole | DecodeRole
        self._stays = 0
        self.enter_role(context.arguments.role)

    @property
    def paused(self) -> bool:
        """Whether `/pause_generation` holds new requests back."""
        return not self.running.is_set()

    @property
    def is_ready(self) -> bool:
        """`/ready`: started, healthy, not paused, not stopping."""
        return self.status is Status.UP and not self.paused and not self.stopping

    @property
    def idle(self) -> bool:
        """Whether no request is anywhere."""
        return self.role.idle

    def enter_role(self, role: Role) -> None:
        """Build the queues of `role`. Each stay in a role has its own number."""
        self._stays += 1
        kind = PrefillRole if role is Role.PREFILL else DecodeRole
        self.role = kind(self.context, self._deliver, self._stays)

    def submit(self, job: Job) -> Request:
        """Take a request; its answer comes out of the queue of what is returned."""
        request = self.table[job.rid] = Request(job)
        self.role.submit(job)
        return request

    def abort(self, job: Job, finish: Finish) -> None:
        """End a request before its time; does nothing if it has ended."""
        if job.rid in self.table:
            self.role.remove(job, finish.message)
            self._deliver([Output(job, self.role.driver.now(), 0, job.generated, finish)])

    def abort_by_id(self, rid: str, message: str) -> None:
        """End the request called `rid`, if there is one."""
        request = self.table.get(rid)
        if request is not None:
            self.abort(request.job, Finish(FinishKind.ABORT, message))

    def abort_all(self, message: str) -> None:
        """End every request, as `/abort_request` does."""
        for request in tuple(self.table.values()):
            self.abort(request.job, Finish(FinishKind.ABORT, message))

    def pause(self, mode: str) -> None:
        """`/pause_generation`: end all requests, or let them stand still where they are."""
        self.running.clear()
        if mode == "abort":
            self.abort_all("Aborted by pause_generation")
        else:
            self.role.driver.halt("paused")

    def resume(self) -> None:
        """`/continue_generation`."""
        self.running.set()
        self.role.driver.resume("paused")

    def load(self) -> Load:
        """The worker's load as it last noted it."""
        context = self.context
        memory = Memory(0.0, round(context.kv_gigabytes, 3), 0.0, context.kv_tokens)
        running = context.arguments.running_requests
        load = self.role.load()
        return load.snapshot(time.time() - load.age_seconds, memory, running)

    async def keep_house(self) -> None:
        """Fail requests whose decode never came, and refresh the gauges of an idle worker."""
        loop = asyncio.get_running_loop()
        reported = loop.time()
        while True:
            await asyncio.sleep(min(1.0, self.context.settings.bootstrap_timeout_seconds / 4))
            self.role.expire()
            if loop.time() - reported >= _GAUGES_WHEN_IDLE_SECONDS:
                reported = loop.time()
                self.role.report()

    def _deliver(self, outputs: list[Output]) -> None:
        for output in outputs:
            request = self.table.get(output.job.rid)
            if request is None:
                continue
            self._observe(request, output)
            request.outputs.put_nowait(output)
            if output.finish:
                del self.table[output.job.rid]

    def _observe(self, request: Request, output: Output) -> None:
        """Latencies are what happened, not what was scheduled: a late wake-up shows in them."""
        metrics, job = self.context.metrics, output.job
        now = asyncio.get_running_loop().time()
        decodes = self.role.name is Role.DECODE
        finish = output.finish
        aborted = finish is not None and finish.kind is FinishKind.ABORT
        if decodes and not aborted:
            if request.first_at is None:
                request.first_at = now
                metrics.first_token(job, now - job.stamps.received)
            elif output.new_tokens:
                metrics.later_tokens(now - request.last_at, output.new_tokens)
            request.last_at = now
        if finish and aborted and not is_error(finish):
            metrics.aborted()
        if finish:
            tpot = None
            timed = decodes and job.streaming and not aborted
            if timed and request.first_at and output.total_tokens > 1:
                tpot = (now - request.first_at) / (output.total_tokens - 1)
            metrics.finished(job, output.total_tokens, now - job.stamps.received, tpot)
