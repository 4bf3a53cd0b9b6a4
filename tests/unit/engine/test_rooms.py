"""Prefill and decode of a room find each other, whoever comes first."""

import asyncio
from collections.abc import Callable

import pytest

from pd_e2e.engine.job import Job
from pd_e2e.engine.rooms import Rooms, TransferFailedError

MakeJob = Callable[..., Job]


class Desk:
    """Notes what the rooms call back."""

    def __init__(self) -> None:
        self.paired: list[Job] = []
        self.deserted: list[Job] = []
        self.rooms = Rooms(self.paired.append, self.deserted.append)


async def started(work: "asyncio.Task[Job]") -> "asyncio.Task[Job]":
    await asyncio.sleep(0)
    return work


async def test_the_request_may_come_first(make_job: MakeJob) -> None:
    desk, job = Desk(), make_job()
    desk.rooms.expect(job)
    assert desk.paired == []
    decode = await started(asyncio.create_task(desk.rooms.collect(job.bootstrap.room)))
    assert desk.paired == [job]
    desk.rooms.deliver(job)
    assert await decode is job


async def test_the_decode_may_come_first(make_job: MakeJob) -> None:
    desk, job = Desk(), make_job()
    decode = await started(asyncio.create_task(desk.rooms.collect(job.bootstrap.room)))
    desk.rooms.expect(job)
    assert desk.paired == [job]
    desk.rooms.deliver(job)
    assert await decode is job


async def test_a_request_that_fails_tells_its_decode_why(make_job: MakeJob) -> None:
    desk, job = Desk(), make_job()
    desk.rooms.expect(job)
    decode = await started(asyncio.create_task(desk.rooms.collect(job.bootstrap.room)))
    desk.rooms.fail(job, "no more")
    with pytest.raises(TransferFailedError, match="no more"):
        await decode
    assert desk.deserted == []


async def test_a_decode_that_goes_away_deserts_its_request(make_job: MakeJob) -> None:
    desk, job = Desk(), make_job()
    desk.rooms.expect(job)
    decode = await started(asyncio.create_task(desk.rooms.collect(job.bootstrap.room)))
    decode.cancel()
    with pytest.raises(asyncio.CancelledError):
        await decode
    assert desk.deserted == [job]


async def test_a_room_has_one_decode(make_job: MakeJob) -> None:
    desk, job = Desk(), make_job()
    first = await started(asyncio.create_task(desk.rooms.collect(job.bootstrap.room)))
    with pytest.raises(TransferFailedError, match="Duplicate"):
        await desk.rooms.collect(job.bootstrap.room)
    desk.rooms.expect(job)
    desk.rooms.deliver(job)
    assert await first is job
