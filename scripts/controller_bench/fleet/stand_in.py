"""Stands in for a fleet's engines and routers: `/v1/loads` of each, all their metrics on few pages.

`python -m scripts.controller_bench.fleet.stand_in SERVICES PORT SINCE`: counters rise from 0 at
SINCE (Unix seconds) until somebody asks for `/quiet`, and stand still from then on.
"""

import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from functools import partial

from scripts.controller_bench.fleet.pages import constant, rising
from scripts.controller_bench.fleet.shape import PER_NAMESPACE, addresses

from pd_e2e.cluster.ports import LOOPBACK
from pd_e2e.engine.loads import Disaggregation, Load, Memory, Queues
from pd_operator.api.names import ENGINE_PORT
from pd_operator.api.roles import Role

CAPACITY_TOKENS = 200_000
BACKLOG = 16


class Clock:
    """Seconds for which the counters have risen."""

    def __init__(self, since: float) -> None:
        self._since = since
        self._stood: float | None = None

    @property
    def seconds(self) -> float:
        """Until now, or until they were told to stand still."""
        return (self._stood or time.time()) - self._since

    def stop(self) -> None:
        """Let the counters stand still from now on."""
        self._stood = self._stood or time.time()

    @property
    def stands(self) -> bool:
        """Whether they do."""
        return self._stood is not None


class Answers:
    """The bodies of all answers."""

    def __init__(self, services: int, clock: Clock) -> None:
        self._clock = clock
        self._rising = [list(rising(number)) for number in range(services)]
        self._constant = [
            "".join(f"{series} {value}\n" for series, value in constant(number))
            for number in range(services)
        ]

    def page(self, number: int) -> bytes:
        """The metrics of the services of one namespace."""
        first, seconds = number * PER_NAMESPACE, self._clock.seconds
        lines = self._constant[first : first + PER_NAMESPACE]
        for service in self._rising[first : first + PER_NAMESPACE]:
            lines += [f"{series} {rate * seconds:.2f}\n" for series, rate in service]
        return "".join(lines).encode()

    def load(self, role: Role) -> bytes:
        """What any engine of a role says of itself: two sequences at work, or none."""
        now, busy = time.time(), not self._clock.stands
        load = Load(
            timestamp=now,
            num_running_reqs=2 if busy else 0,
            num_waiting_reqs=0,
            num_waiting_uncached_tokens=0,
            num_used_tokens=1200 if busy else 0,
            num_total_tokens=1200 if busy else 0,
            num_active_tokens=1200 if busy else 0,
            max_total_num_tokens=CAPACITY_TOKENS,
            max_running_requests=64,
            memory=Memory(16.0, 20.0, 1.0, CAPACITY_TOKENS),
            disaggregation=Disaggregation(role),
            queues=Queues(),
        )
        told = datetime.fromtimestamp(now, UTC).isoformat()
        return json.dumps({"timestamp": told, "loads": [load.to_dict()]}).encode()

    def quiet(self) -> bytes:
        """Nothing is asked of the fleet any more."""
        self._clock.stop()
        return b"quiet\n"


class Connection(asyncio.Protocol):
    """As much of HTTP as GETs without a body need, one after the other."""

    def __init__(self, answers: Answers, role: Role | None) -> None:
        self._answers = answers
        self._role = role
        self._asked = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._asked += data
        while b"\r\n\r\n" in self._asked:
            head, _, self._asked = self._asked.partition(b"\r\n\r\n")
            body = self._answer(head.split(b" ", 2)[1].decode())
            begin = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}"
            if isinstance(self._transport, asyncio.WriteTransport):
                self._transport.write(begin.encode() + b"\r\n\r\n" + body)

    def _answer(self, path: str) -> bytes:
        if self._role is not None:
            return self._answers.load(self._role)
        if path == "/quiet":
            return self._answers.quiet()
        return self._answers.page(int(path.rpartition("/")[2]))


async def serve(services: int, port: int, since: float) -> None:
    """Until killed."""
    loop, answers = asyncio.get_running_loop(), Answers(services, Clock(since))
    for role, hosts in addresses(services).items():
        engine = partial(Connection, answers, role)
        await loop.create_server(engine, hosts, ENGINE_PORT, backlog=BACKLOG)
    pages = partial(Connection, answers, None)
    await loop.create_server(pages, LOOPBACK, port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
