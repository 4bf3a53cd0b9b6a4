"""A worker as a decode: its scheduler, and the fetching of KV from prefills."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from http import HTTPStatus

from pd_e2e.engine.context import EngineContext
from pd_e2e.engine.decode import DecodeLimits, DecodeScheduler
from pd_e2e.engine.driver import Driver
from pd_e2e.engine.job import Finish, FinishKind, Job, Output
from pd_e2e.engine.loads import Disaggregation, Queues
from pd_e2e.engine.receiver import HandshakeFailedError, KvReceiver, LayoutMismatchError
from pd_e2e.engine.role_state import RoleLoad
from pd_e2e.engine.rooms import TransferFailedError
from pd_operator.api.roles import Role

_log = logging.getLogger(__name__)


class DecodeRole:
    """Requests wait for room, fetch their KV, and generate until they are done."""

    name = Role.DECODE

    def __init__(
        self, context: EngineContext, deliver: Callable[[list[Output]], None], epoch: int
    ) -> None:
        arguments = context.arguments
        self.epoch = epoch
        self._context = context
        self._deliver = deliver
        limits = DecodeLimits(
            kv_tokens=context.kv_tokens,
            running_requests=arguments.running_requests,
            reserved_tokens=arguments.reserved_decode_tokens,
            stream_interval=arguments.stream_interval,
            keeps_retracted=arguments.retraction_backup != "none",
        )
        self.scheduler = DecodeScheduler(context.timings, limits, self._admitted)
        self.driver = Driver(self.scheduler, self._settled)
        self._receiver = KvReceiver(
            context.layout, context.settings, lambda: self.driver.halted("prefill info")
        )
        self._tasks: dict[Job, asyncio.Task[None]] = {}
        self._steps_reported = 0
        self._tokens_reported = 0.0
        self._batch_tokens = 0
        self._retracted_reported = 0
        self._reported_at = self.driver.now()
        self._throughput = 0.0
        self._prompts_seen: set[int] = set()

    @property
    def idle(self) -> bool:
        """Whether no request is in any queue."""
        return self.scheduler.idle and not self._tasks

    def submit(self, job: Job) -> None:
        """Take a request; a prefill that is new to us is asked about itself first."""
        self._die_of_repeated_prompt(job)
        if self._receiver.knows(job.bootstrap):
            self._enqueue(job)
        else:
            self._start(job, self._introduce(job))

    def remove(self, job: Job, reason: str) -> None:
        """Drop a request; its prefill notices that nobody fetches."""
        del reason
        task = self._tasks.pop(job, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        self.driver.delivered(self.scheduler.remove(job, self.driver.now()))

    def expire(self) -> None:
        """A decode's timeouts run with each fetch."""

    def settle_pace(self) -> None:
        """The step time changes: steps done so far keep their length."""
        self.driver.delivered(self.scheduler.settle_pace(self.driver.now()))

    def load(self) -> RoleLoad:
        """Queues and counters."""
        self.driver.catch_up()
        scheduler = self.scheduler
        introduced = len(self._tasks) - len(scheduler.transfer)
        prealloc = len(scheduler.prealloc) + max(0, introduced)
        awaiting = sum(job.prompt_tokens for job in (*scheduler.prealloc, *scheduler.transfer))
        pending = sum(job.context_tokens for job in (*scheduler.prealloc, *scheduler.retracted))
        moments = scheduler.batch.moments
        return RoleLoad(
            running=len(scheduler.batch),
            waiting=len(scheduler.waiting)
            + prealloc
            + len(scheduler.transfer)
            + len(scheduler.retracted),
            waiting_uncached_tokens=0,
            used_tokens=scheduler.kv_used_tokens,
            pending_tokens=pending,
            awaiting_kv_tokens=awaiting,
            disaggregation=Disaggregation(
                mode=self.name,
                decode_prealloc_queue_reqs=prealloc,
                decode_transfer_queue_reqs=len(scheduler.transfer),
                decode_retracted_queue_reqs=len(scheduler.retracted),
            ),
            queues=Queues(
                waiting=len(scheduler.waiting),
                retracted=len(scheduler.retracted),
                prealloc_ready=len(scheduler.prealloc),
            ),
            prealloc_ready_tokens=sum(job.prompt_tokens for job in scheduler.prealloc),
            transfer_tokens=sum(job.prompt_tokens for job in scheduler.transfer),
            batch_tokens=self._batch_tokens,
            throughput=self._throughput,
            decode_moments=list(moments) if moments[0] else None,
        )

    def report(self) -> None:
        """Refresh the gauges."""
        scheduler, metrics, now = self.scheduler, self._context.metrics, self.driver.now()
        generated = scheduler.batch.moments[5]
        tokens = generated - self._tokens_reported
        self._throughput = tokens / (now - self._reported_at) if now > self._reported_at else 0.0
        self._tokens_reported, self._reported_at = generated, now
        self._steps_reported = scheduler.batch.step
        if scheduler.batch:
            # SGLang leaves the gauge alone once the batch has ended.
            self._batch_tokens = scheduler.batch.tokens
        metrics.tokens("decode", int(tokens))
        metrics.retracted(scheduler.retractions.requests - self._retracted_reported)
        self._retracted_reported = scheduler.retractions.requests
        load = self.load()
        metrics.gauges(
            load.gauges(self._context.kv_tokens), retracted=len(scheduler.retracted), paused=0
        )

    async def close(self) -> None:
        """Leave the role."""
        self.driver.close()
        for task in self._tasks.values():
            task.cancel()
        await self._receiver.close()

    def _die_of_repeated_prompt(self, job: Job) -> None:
        """SGLang 0.5.23: a prefill with a prefix cache that became a decode leaks KV on a hit."""
        arguments = self._context.arguments
        born_prefill = arguments.role is Role.PREFILL
        if not (born_prefill and arguments.radix_cache) or arguments.decode_radix_cache:
            return
        if job.prompt_key in self._prompts_seen:
            _log.critical("ValueError: pool memory leak detected! [full]")
            _end_the_server()
        self._prompts_seen.add(job.prompt_key)

    def _enqueue(self, job: Job) -> None:
        self.driver.delivered(self.scheduler.submit(job, self.driver.now()))

    def _admitted(self, job: Job) -> None:
        self._start(job, self._fetch(job))

    def _start(self, job: Job, work: Coroutine[None, None, None]) -> None:
        self._tasks[job] = asyncio.create_task(work)

    async def _introduce(self, job: Job) -> None:
        try:
            await self._receiver.handshake(job.bootstrap)
        except HandshakeFailedError as error:
            self._context.metrics.bootstrap_failed()
            self._fail(job, f"Decode handshake failed for request {_naming(job, error)}")
        except LayoutMismatchError as error:
            # The real scheduler raises, and takes the whole server with it.
            _log.critical("%s", error)
            _end_the_server()
        else:
            del self._tasks[job]
            self._enqueue(job)

    async def _fetch(self, job: Job) -> None:
        try:
            await self._receiver.fetch(job.bootstrap)
        except TransferFailedError as error:
            self._context.metrics.transfer_failed()
            self._fail(job, f"Decode transfer failed for request {_naming(job, error)}")
        else:
            del self._tasks[job]
            self.driver.delivered(self.scheduler.arrived(job, self.driver.now()))
            self._observe(job)

    def _fail(self, job: Job, message: str) -> None:
        _log.error("%s", message)
        self.remove(job, message)
        finish = Finish(FinishKind.ABORT, message, HTTPStatus.INTERNAL_SERVER_ERROR)
        self._deliver([Output(job, self.driver.now(), 0, job.generated, finish)])

    def _settled(self, outputs: list[Output]) -> None:
        for output in outputs:
            if output.new_tokens == output.total_tokens:
                self._observe_join(output.job)
        self._deliver(outputs)
        interval = self._context.arguments.decode_log_interval
        if self.scheduler.batch.step - self._steps_reported >= interval:
            self.report()

    def _observe(self, job: Job) -> None:
        stamps, metrics = job.stamps, self._context.metrics
        metrics.handshake(stamps.queued - stamps.received, stamps.admitted - stamps.queued)
        metrics.stages(
            {
                "decode_prepare": stamps.queued - stamps.received,
                "decode_bootstrap": stamps.admitted - stamps.queued,
                "decode_transferred": stamps.moved - stamps.admitted,
            }
        )

    def _observe_join(self, job: Job) -> None:
        waited = job.stamps.started - job.stamps.moved
        self._context.metrics.stages({"decode_waiting": waited})
        self._context.metrics.queued(waited)


def _naming(job: Job, reason: Exception) -> str:
    room = job.bootstrap.room
    return (
        f"rank=0 decode_req.req.rid={job.rid!r} decode_req.req.bootstrap_room={room} "
        f"with exception KVTransferError(bootstrap_room={room}): {reason}"
    )


def _end_the_server() -> None:
    """As SGLang ends itself; a shell's background jobs inherit that they ignore this signal."""
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGQUIT)
