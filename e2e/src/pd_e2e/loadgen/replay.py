"""The open loop: requests leave when the schedule says, whatever has become of the others."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from pd_e2e.loadgen.client import Planned
from pd_e2e.loadgen.records import RequestRecord
from pd_e2e.loadgen.schedule import Schedule

Send = Callable[[Planned], Awaitable[RequestRecord]]


async def replay(
    schedule: Schedule,
    send: Send,
    *,
    clock: Callable[[], float],
    stop: asyncio.Event,
    on_sent: Callable[[Planned], None],
    on_record: Callable[[RequestRecord], None],
) -> None:
    """Send every request of `schedule` at its second of `clock`, and wait for the last answer.

    `stop` ends it early: no more requests leave, those under way are canceled, and their records
    still reach `on_record`. `send` bounds how long an answer may take.
    """
    under_way: set[asyncio.Task[None]] = set()
    stopped = asyncio.create_task(stop.wait())

    async def exchange(planned: Planned) -> None:
        on_record(await send(planned))

    try:
        for planned in plan(schedule):
            if await _stopped_before(planned.scheduled_seconds, clock, stopped):
                break
            task = asyncio.create_task(exchange(planned))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            on_sent(planned)
        await _wait_for_answers(under_way, stopped)
    finally:
        stopped.cancel()
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


def plan(schedule: Schedule) -> Iterator[Planned]:
    """The requests of `schedule` one by one."""
    columns = zip(
        schedule.seconds.tolist(),
        schedule.service.tolist(),
        schedule.input_tokens.tolist(),
        schedule.output_tokens.tolist(),
        strict=True,
    )
    for number, (seconds, service, input_tokens, output_tokens) in enumerate(columns):
        yield Planned(number, schedule.services[service], seconds, input_tokens, output_tokens)


async def _stopped_before(
    seconds: float, clock: Callable[[], float], stopped: "asyncio.Task[bool]"
) -> bool:
    """Sleep until `seconds` of `clock`; whether the replay was stopped meanwhile.

    A replay that is late still lets the requests under way have their turn.
    """
    await asyncio.wait({stopped}, timeout=max(0.0, seconds - clock()))
    return stopped.done()


async def _wait_for_answers(
    under_way: set[asyncio.Task[None]], stopped: "asyncio.Task[bool]"
) -> None:
    while under_way and not stopped.done():
        await asyncio.wait({stopped, *under_way}, return_when=asyncio.FIRST_COMPLETED)
