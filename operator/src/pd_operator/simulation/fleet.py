"""Workers come and go: started, drained, switched to the other role, dead."""

from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

from pd_operator.api.roles import Role
from pd_operator.scaling.loans import LONGEST_DRAIN_SECONDS
from pd_operator.simulation.agenda import Agenda
from pd_operator.simulation.decode_worker import DecodeWorker
from pd_operator.simulation.pools import Pool, Pools, Start, W
from pd_operator.simulation.prefill_worker import PrefillWorker
from pd_operator.simulation.request_log import RequestLog
from pd_operator.simulation.service import Lifecycle
from pd_operator.simulation.worker_failures import lose_decode, lose_prefill

Other = TypeVar("Other", PrefillWorker, DecodeWorker)


@dataclass(eq=False, slots=True)
class _Drain(Generic[W]):
    """A worker that gets no more traffic; when it is idle it goes, or takes the other role."""

    pool: Pool[W]
    worker: W
    deadline: float
    flips: bool


class Fleet:
    """Both pools, and the changes that are under way. A pool's last serving worker stays."""

    def __init__(
        self,
        prefill: Pool[PrefillWorker],
        decode: Pool[DecodeWorker],
        lifecycle: Lifecycle,
        agenda: Agenda,
        log: RequestLog,
        rng: Random,
    ) -> None:
        self.prefill = prefill
        self.decode = decode
        self.flips = 0
        self._lifecycle = lifecycle
        self._agenda = agenda
        self._log = log
        self._dice = rng

    def want(self, wanted: Pools) -> None:
        """Begin what makes the pools that large; what is under way counts as done."""
        prefill, decode = self.prefill, self.decode
        self._flip(decode, prefill, wanted.to_prefill)
        self._flip(prefill, decode, wanted.to_decode)
        if self._lifecycle.role_flips:
            self._flip_surplus(prefill, wanted.prefill, decode, wanted.decode)
            self._flip_surplus(decode, wanted.decode, prefill, wanted.prefill)
        self._resize(prefill, wanted.prefill)
        self._resize(decode, wanted.decode)

    def kill(self, role: Role) -> None:
        """One of the serving workers dies with all that it has, and is started anew."""
        if role is Role.PREFILL:
            self._kill_one(self.prefill)
        else:
            self._kill_one(self.decode)

    def _flip_surplus(
        self, giver: Pool[W], giver_wanted: int, taker: Pool[Other], taker_wanted: int
    ) -> None:
        surplus, lack = giver.committed - giver_wanted, taker_wanted - taker.committed
        self._flip(giver, taker, min(surplus, lack))

    def _flip(self, giver: Pool[W], taker: Pool[Other], count: int) -> None:
        for _ in range(min(count, len(giver.serving) - 1)):
            taker.promised += 1
            self._drain(giver, flips=True)

    def _resize(self, pool: Pool[W], wanted: int) -> None:
        while pool.committed < wanted:
            self._ask_for(pool)
        while pool.committed > wanted and pool.pending:
            pool.pending.pop()
        while pool.committed > wanted and pool.starting:
            pool.reckon()
            pool.starting.pop().canceled = True
        while pool.committed > wanted and len(pool.serving) > 1:
            self._drain(pool, flips=False)
        self._place()

    def _ask_for(self, pool: Pool[W]) -> None:
        pool.pending.append(Start(self._agenda.now))
        self._place()

    def _place(self) -> None:
        """Give the cluster's free GPUs to the workers that wait for them, the oldest first."""
        while (oldest := self._longest_pending()) is not None and self._fits(oldest):
            if oldest is Role.PREFILL:
                self._start(self.prefill)
            else:
                self._start(self.decode)

    def _longest_pending(self) -> Role | None:
        waiting = [
            (pool.pending[0].asked_at, role)
            for role, pool in ((Role.PREFILL, self.prefill), (Role.DECODE, self.decode))
            if pool.pending
        ]
        return min(waiting)[1] if waiting else None

    def _fits(self, role: Role) -> bool:
        given = self._lifecycle.cluster_gpus
        each = self.prefill.gpus_each if role is Role.PREFILL else self.decode.gpus_each
        return given is None or self.prefill.gpus_held + self.decode.gpus_held + each <= given

    def _start(self, pool: Pool[W]) -> None:
        spread = self._lifecycle.startup_spread
        share = 1 + spread * (2 * self._dice.random() - 1) if spread else 1.0
        start = pool.pending.pop(0)
        pool.reckon()
        pool.starting.append(start)

        def started(_: object) -> None:
            if not start.canceled:
                pool.add()
                pool.starting.remove(start)

        self._agenda.at(self._agenda.now + pool.startup_seconds * share, started, None)

    def _drain(self, pool: Pool[W], *, flips: bool) -> None:
        """Take the traffic from the worker with the least to do."""
        worker = min(pool.serving, key=lambda one: one.requests)
        pool.serving.remove(worker)
        pool.draining.append(worker)
        patience = LONGEST_DRAIN_SECONDS if flips else self._lifecycle.drain_deadline_seconds
        self._look(_Drain(pool, worker, self._agenda.now + patience, flips))

    def _look(self, drain: _Drain[W]) -> None:
        """See whether a draining worker is idle, and look again if not."""
        now = self._agenda.now
        if drain.worker.requests and now < drain.deadline:
            self._agenda.at(now + self._lifecycle.drain_poll_seconds, self._look, drain)
            return
        if drain.flips and drain.worker.requests:
            self._stay(drain)
            return
        self._end(drain.pool, drain.worker)
        if drain.flips:
            self._switch(drain.pool.role)

    def _stay(self, drain: _Drain[W]) -> None:
        """A worker that was to take the other role is still busy: it keeps its own."""
        drain.pool.draining.remove(drain.worker)
        drain.pool.serving.append(drain.worker)
        taker = self.decode if drain.pool.role is Role.PREFILL else self.prefill
        taker.promised -= 1

    def _switch(self, left: Role) -> None:
        """A worker that left a role takes the other."""
        if left is Role.PREFILL:
            self._switch_to(self.decode)
        else:
            self._switch_to(self.prefill)

    def _switch_to(self, pool: Pool[W]) -> None:
        pool.reckon()
        pool.switching += 1

        def switched(_: object) -> None:
            pool.add()
            pool.switching -= 1
            pool.promised -= 1
            self.flips += 1

        self._agenda.at(self._agenda.now + self._lifecycle.role_switch_seconds, switched, None)

    def _kill_one(self, pool: Pool[W]) -> None:
        if pool.serving:
            worker = pool.serving[int(self._dice.random() * len(pool.serving))]
            self._end(pool, worker)
            self._ask_for(pool)

    def _end(self, pool: Pool[W], worker: W) -> None:
        """A worker is gone, and with it what it had."""
        pool.remove(worker)
        worker.dead = True
        if isinstance(worker, PrefillWorker):
            decodes = (*self.decode.serving, *self.decode.draining)
            lose_prefill(worker, decodes, self._agenda, self._log)
        else:
            prefills = (*self.prefill.serving, *self.prefill.draining)
            lose_decode(worker, prefills, self._agenda, self._log)
        self._place()
