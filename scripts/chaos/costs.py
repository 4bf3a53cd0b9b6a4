"""Which requests a fault may cut, and which were lost without need."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from scripts.chaos.loads import Client
from scripts.chaos.play import Played
from tests.integration.operator.traffic import FailedRequest


@dataclass(frozen=True)
class Costs:
    """What a fault cost those who send requests.

    - `cut`: requests inside what was struck, or sent to it before routers left it out. That is
      told by time: one that fails for another reason just then counts here, too.
    - `cut_seconds`: how long after the fault's beginning the last of them was sent.
    - `lost`: all others that failed, in words.
    """

    cut: int
    cut_seconds: float
    lost: tuple[str, ...]


def costs_of(played: Sequence[Played], clients: Sequence[Client]) -> list[Costs]:
    """The costs of each fault, for loads that have ended: failures are the latest fault's begun.

    What fails before any is the first one's.
    """
    failed = [(client, request) for client in clients for request in client.failures]
    starts = [-inf, *(one.struck for one in played[1:])]
    ends = [*starts[1:], inf]
    return [
        _costs(one, [each for each in failed if start <= each[1].failed < end])
        for one, start, end in zip(played, starts, ends, strict=True)
    ]


def _costs(played: Played, failed: Sequence[tuple[Client, FailedRequest]]) -> Costs:
    struck = played.struck
    inside = [one for client, one in failed if _may_fail(played, client, one)]
    lost = [
        f"{one.sent - struck:+.1f} to {one.failed - struck:+.1f} s, by {client.url}: {one.told}"
        for client, one in failed
        if not _may_fail(played, client, one)
    ]
    last = max((one.sent - struck for one in inside), default=0.0)
    return Costs(len(inside), last, tuple(lost))


def _may_fail(played: Played, client: Client, request: FailedRequest) -> bool:
    return request.failed >= played.struck and request.sent <= _dropped(played, client)


def _dropped(played: Played, client: Client) -> float:
    """Until when (Unix seconds) requests of these clients may have gone to what was struck."""
    if client.url in played.hit.routers:
        return played.recovered
    gone = [client.watch.dropped_since(ip, played.struck) for ip in played.hit.engines]
    return max(
        (played.recovered if at is None else min(at, played.recovered) for at in gone),
        default=0.0,
    )
