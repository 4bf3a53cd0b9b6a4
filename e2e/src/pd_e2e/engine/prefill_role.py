"""A worker as a prefill: its scheduler, and the rooms in which decodes pick up KV."""

import logging
from collections.abc import Callable
from http import HTTPStatus

from pd_e2e.engine.context import EngineContext
from pd_e2e.engine.driver import Driver
from pd_e2e.engine.job import Finish, FinishKind, Job, Output
from pd_e2e.engine.loads import Disaggregation, Queues
from pd_e2e.engine.prefill import PrefillLimits, PrefillScheduler
from pd_e2e.engine.role_state import RoleLoad
from pd_e2e.engine.rooms import Rooms
from pd_operator.api.roles import Role
from pd_operator.performance.timing import KvLink

_log = logging.getLogger(__name__)


class PrefillRole:
    """Requests wait for their decode, are computed, and end when the decode has their KV."""

    name = Role.PREFILL

    def __init__(
        self, context: EngineContext, deliver: Callable[[list[Output]], None], epoch: int
    ) -> None:
        arguments, settings = context.arguments, context.settings
        self.epoch = epoch
        self._context = context
        self._deliver = deliver
        self.link = KvLink(
            bytes_per_second=settings.transfer_bytes_per_second / settings.time_scale,
            bytes_per_token=context.timings.surfaces.kv_bytes_per_token,
            base_seconds=settings.transfer_base_seconds * settings.time_scale,
        )
        limits = PrefillLimits(arguments.chunk_tokens, arguments.pass_tokens, context.kv_tokens)
        self.scheduler = PrefillScheduler(context.timings, limits, self.link)
        self.driver = Driver(self.scheduler, self._settled)
        self.rooms = Rooms(self._paired, self._deserted)
        self._passes_reported = 0
        self._tokens_reported = 0

    @property
    def idle(self) -> bool:
        """Whether no request is in any queue."""
        return self.scheduler.idle

    def submit(self, job: Job) -> None:
        """Take a request."""
        self.scheduler.submit(job, self.driver.now())
        if job.bootstrap.has_peer:
            self.rooms.expect(job)
        else:
            self._paired(job)

    def remove(self, job: Job, reason: str) -> None:
        """Drop a request; its decode learns the reason."""
        self.rooms.fail(job, reason)
        self.driver.delivered(self.scheduler.remove(job, self.driver.now()))

    def expire(self) -> None:
        """Fail requests whose decode has not come for too long."""
        now = self.driver.now()
        limit = self._context.settings.bootstrap_timeout_seconds
        for job in tuple(self.scheduler.bootstrapping):
            waited = now - job.stamps.queued
            if waited < limit:
                break
            room = job.bootstrap.room
            reason = f"Request {room} timed out after {waited:.1f}s in KVPoll.Bootstrapping"
            self._context.metrics.bootstrap_failed()
            self._fail(job, f"Prefill bootstrap failed for request {_naming(job, reason)}", reason)

    def settle_pace(self) -> None:
        """The step time changes: a pass that is running keeps its length."""
        self.driver.catch_up()

    def load(self) -> RoleLoad:
        """Queues and counters as they were before the present pass, if there is one."""
        now = self.driver.now()
        state = self.scheduler.published(now)
        return RoleLoad(
            running=0,
            waiting=state.waiting + state.bootstrapping,
            waiting_uncached_tokens=state.waiting_tokens,
            used_tokens=state.kv_used_tokens,
            pending_tokens=state.pending_tokens,
            awaiting_kv_tokens=0,
            disaggregation=Disaggregation(
                mode=self.name,
                prefill_bootstrap_queue_reqs=state.bootstrapping,
                prefill_inflight_queue_reqs=state.inflight,
            ),
            queues=Queues(waiting=state.waiting),
            prefill_uncached_tokens=state.uncached_tokens,
            prefill_busy_seconds=state.busy_seconds,
            age_seconds=max(0.0, now - state.seconds),
        )

    def report(self) -> None:
        """Refresh the gauges."""
        counters, metrics = self.scheduler.counters, self._context.metrics
        metrics.tokens("prefill_compute", counters.uncached_tokens - self._tokens_reported)
        self._tokens_reported = counters.uncached_tokens
        self._passes_reported = counters.passes
        metrics.gauges(self.load().gauges(self._context.kv_tokens), retracted=0, paused=0)

    async def close(self) -> None:
        """Leave the role."""
        self.driver.close()

    def _paired(self, job: Job) -> None:
        self.driver.delivered(self.scheduler.admit(job, self.driver.now()))

    def _deserted(self, job: Job) -> None:
        reason = "Decode instance could be dead, its side of the transfer is not alive"
        self._context.metrics.transfer_failed()
        self._fail(job, f"Prefill transfer failed for request {_naming(job, reason)}", reason)

    def _fail(self, job: Job, message: str, reason: str) -> None:
        _log.warning("%s", message)
        self.remove(job, reason)
        finish = Finish(FinishKind.ABORT, message, HTTPStatus.INTERNAL_SERVER_ERROR)
        self._deliver([Output(job, self.driver.now(), 0, 0, finish)])

    def _settled(self, outputs: list[Output]) -> None:
        for output in outputs:
            self._observe(output.job)
            self.rooms.deliver(output.job)
        self._deliver(outputs)
        if self.scheduler.counters.passes != self._passes_reported:
            self.report()

    def _observe(self, job: Job) -> None:
        stamps, metrics = job.stamps, self._context.metrics
        moving = stamps.moved - stamps.computed
        metrics.stages(
            {
                "prefill_bootstrap": stamps.admitted - stamps.queued,
                "prefill_forward": stamps.computed - stamps.started,
                "prefill_transfer_kv_cache": moving,
            }
        )
        metrics.queued(stamps.started - stamps.admitted)
        if job.bootstrap.has_peer:
            metrics.handshake(stamps.admitted - stamps.queued, 0.0)
            metrics.transferred(moving, self.link.transfer_bytes(job.prompt_tokens))


def _naming(job: Job, reason: str) -> str:
    room = job.bootstrap.room
    return (
        f"rank=0 req.rid={job.rid!r} req.bootstrap_room={room} "
        f"with exception KVTransferError(bootstrap_room={room}): {reason}"
    )
