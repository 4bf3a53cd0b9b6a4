"""Which requests a fault may cut, and which were lost without need."""

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.chaos.loads import Client
from scripts.chaos.play import Played
from tests.integration.operator.traffic import FailedRequest


@dataclass(frozen=True)
class Costs:
    """What a fault cost those who send requests.

    - `cut`: requests inside what was struck, or sent to it before routers left it out.
    - `cut_seconds`: how long after the fault's beginning the last of them was sent.
    - `lost`: all others that failed, in words.
    """

    cut: int
    cut_seconds: float
    lost: tuple[str, ...]


def costs_of(played: Sequence[Played], clients: Sequence[Client]) -> list[Costs]:
    """The costs of each fault, for loads that have ended: failures are the latest fault's begun."""
    failed = [(client, request) for client in clients for request in client.failures]
    return [_costs(one, following, failed) for one, following in _with_ends(played)]


def _with_ends(played: Sequence[Played]) -> list[tuple[Played, float]]:
    ends = [one.struck for one in played[1:]] + [float("inf")]
    return list(zip(played, ends, strict=True))


def _costs(played: Played, end: float, failed: Sequence[tuple[Client, FailedRequest]]) -> Costs:
    mine = [(client, one) for client, one in failed if played.struck <= one.failed < end]
    cut = [one for client, one in mine if one.sent <= _dropped(played, client)]
    lost = [
        f"{one.sent - played.struck:+.1f} to {one.failed - played.struck:+.1f} s, "
        f"by {client.url}: {one.told}"
        for client, one in mine
        if one.sent > _dropped(played, client)
    ]
    return Costs(len(cut), max((one.sent - played.struck for one in cut), default=0.0), tuple(lost))


def _dropped(played: Played, client: Client) -> float:
    """Until when (Unix seconds) requests of these clients may have gone to what was struck."""
    if client.url in played.hit.routers:
        return played.recovered
    gone = [client.watch.dropped_since(ip, played.struck) for ip in played.hit.engines]
    return max(
        (played.recovered if at is None else min(at, played.recovered) for at in gone),
        default=0.0,
    )
