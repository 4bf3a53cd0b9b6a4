"""A steady load through each router: the one of a router that is not struck tells most."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts.controller_bench.router_watch import RouterWatch
from tests.integration.operator.traffic import FailedRequest, SteadyLoad


@dataclass(frozen=True)
class Rate:
    """Requests a second of all clients together, and their lengths in tokens."""

    requests_per_second: float
    input_tokens: int
    output_tokens: int


BUSY = Rate(5.0, 2000, 10)
"""The operator wants two prefill workers for it, since one would be three quarters busy; and where
one of the two is struck for long, the other one can carry it alone."""

QUIET = Rate(3.0, 50, 10)
"""One worker of each role is enough."""


@dataclass(frozen=True)
class Client:
    """Those who send their requests to one router, and what that one says of its workers.

    `failures` are complete when all have ended.
    """

    url: str
    load: SteadyLoad
    watch: RouterWatch
    failures: list[FailedRequest] = field(default_factory=list)

    @property
    def finished(self) -> int:
        """Requests that have been answered or have failed so far."""
        return self.load.statistics().finished


@contextmanager
def clients(
    urls: Sequence[str], folder: Path, longest_seconds: float, rate: Rate = BUSY
) -> Iterator[list[Client]]:
    """Clients of each router, until the block is left; then their failures are complete."""
    with ExitStack() as stack:
        found = []
        for number, url in enumerate(urls):
            load = SteadyLoad(
                url,
                folder / f"load-{number}",
                rate=rate.requests_per_second / len(urls),
                input_tokens=rate.input_tokens,
                output_tokens=rate.output_tokens,
                longest_seconds=longest_seconds,
            )
            stack.enter_context(load)
            found.append(Client(url, load, stack.enter_context(RouterWatch(url))))
        yield found
    for client in found:
        client.failures.extend(client.load.failed())
