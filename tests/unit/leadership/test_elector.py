"""A process leads, follows and gives back, in real time; the Lease is a model."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import cast

import pytest
from tests.property.leadership.model import ModelLease

from pd_e2e.cluster.waiting import eventually
from pd_operator.actuation.cluster import ClusterError
from pd_operator.leadership.candidate import Candidate
from pd_operator.leadership.election import (
    NOBODY,
    RELEASED_SECONDS,
    ElectionTimes,
    LeaseRecord,
)
from pd_operator.leadership.elector import Elector
from pd_operator.leadership.lease import LeaseStore
from pd_operator.leadership.term import Term

TIMES = ElectionTimes(60, 30, 0.01)
RELEASED = LeaseRecord(NOBODY, RELEASED_SECONDS, 4)
PATIENCE_SECONDS = 20.0


@dataclass
class Work:
    """What a leader does here: it says that it does."""

    terms: list[Term] = field(default_factory=list)
    running: bool = False
    followed: int = 0
    breaks: bool = False

    async def lead(self, term: Term) -> None:
        self.terms.append(term)
        self.running = True
        try:
            if self.breaks:
                raise RuntimeError("the engine room burns")
            await asyncio.Event().wait()
        finally:
            self.running = False

    def follow(self) -> None:
        self.followed += 1


@asynccontextmanager
async def elector(
    lease: ModelLease, work: Work, times: ElectionTimes = TIMES
) -> AsyncIterator[Elector]:
    candidate = Candidate(cast("LeaseStore", lease), "me", times)
    running = Elector(candidate, work.lead, work.follow)
    task = asyncio.create_task(running.run())
    try:
        yield running
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(holds: Callable[[], bool]) -> None:
    await asyncio.to_thread(eventually, holds, PATIENCE_SECONDS)


async def test_it_leads_renews_and_gives_the_lease_back() -> None:
    lease, work = ModelLease(RELEASED), Work()
    async with elector(lease, work):
        await until(lambda: work.running)
        assert (lease.record.holder, lease.record.term) == ("me", 5)
        renewed = lease.written
        await until(lambda: lease.written >= renewed + 3)
        assert len(work.terms) == 1
    assert not work.running
    assert lease.record.released


async def test_a_leader_that_finds_another_one_in_the_lease_stops_and_follows() -> None:
    lease, work = ModelLease(RELEASED), Work()
    async with elector(lease, work):
        await until(lambda: work.running)
        assert work.followed == 0
        lease.edit(LeaseRecord("other", 60, 6))
        await until(lambda: work.followed > 0)
        assert not work.running
        assert not work.terms[0].acts
    assert lease.record.holder == "other", "what is another's is not given back"


async def test_the_lease_is_given_back_only_when_the_last_write_has_ended() -> None:
    lease, work = ModelLease(RELEASED), Work()
    begun, may_end, holders = threading.Event(), threading.Event(), list[str]()

    def write() -> None:
        with work.terms[0].writing():
            begun.set()
            may_end.wait()

    async def end_the_write() -> None:
        await until(lambda: not work.terms[0].acts)
        holders.append(lease.record.holder)
        may_end.set()

    async with elector(lease, work):
        await until(lambda: work.running)
        writing = asyncio.create_task(asyncio.to_thread(write))
        await asyncio.to_thread(begun.wait)
        ending = asyncio.create_task(end_the_write())
    await asyncio.gather(writing, ending)
    assert holders == ["me"]
    assert lease.record.released


QUICK = ElectionTimes(31.25, 30, 0.01)
"""A write ends within a second, and is waited for twice as long."""


async def test_a_lease_is_kept_while_a_write_does_not_end() -> None:
    lease, work = ModelLease(RELEASED), Work()
    async with elector(lease, work, QUICK):
        await until(lambda: work.running)
        writing = work.terms[0].writing()
        writing.__enter__()
    assert lease.record.holder == "me", "another one waits until the write cannot take effect"
    writing.__exit__(None, None, None)


async def test_a_lease_that_cannot_be_given_back_runs_out_and_breaks_nothing() -> None:
    lease, work = DeniedLease(RELEASED), Work()
    lease.denied = False
    async with elector(lease, work):
        await until(lambda: work.running)
        lease.denied = True
    assert lease.record.holder == "me"
    assert not work.running


async def test_a_leader_that_breaks_ends_the_process() -> None:
    lease, work = ModelLease(RELEASED), Work(breaks=True)
    candidate = Candidate(cast("LeaseStore", lease), "me", TIMES)
    with pytest.raises(RuntimeError, match="burns"):
        await Elector(candidate, work.lead, work.follow).run()
    assert lease.record.released, "another one need not wait"


class DeniedLease(ModelLease):
    """One that nobody may read, at first."""

    denied = True

    async def _request(self, execute: Callable[[], object]) -> object:  # type: ignore[override]
        if self.denied:
            raise ClusterError(403, "leases is forbidden")
        return await super()._request(execute)


async def test_who_cannot_read_the_lease_is_not_ready_and_says_why() -> None:
    lease, work = DeniedLease(RELEASED), Work()
    async with elector(lease, work) as running:
        assert running.fault == "the Lease has not been read yet"
        await until(lambda: "forbidden" in (running.fault or ""))
        assert not work.running
        lease.denied = False
        await until(lambda: work.running)
        assert running.fault is None
