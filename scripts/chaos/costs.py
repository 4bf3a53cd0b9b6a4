"""Which requests a fault may cut, and which were lost without need."""

from collections.abc import Sequence
from dataclasses import dataclass

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
    """The costs of each fault, for loads that have ended.

    A failure is the first fault's that it can be inside, since a request may hang for minutes; one
    that is inside none is a loss of the latest begun, and what fails before any one of the first's.
    """
    inside: list[list[float]] = [[] for _ in played]
    lost: list[list[str]] = [[] for _ in played]
    for client in clients:
        for one in client.failures:
            fitting = [n for n, fault in enumerate(played) if _may_fail(fault, client, one)]
            begun = [n for n, fault in enumerate(played) if fault.struck <= one.failed]
            if fitting:
                inside[fitting[0]].append(one.sent - played[fitting[0]].struck)
            elif played:
                of = begun[-1] if begun else 0
                lost[of].append(_in_words(one, played[of].struck, client.url))
    return [
        Costs(len(sent), max(sent, default=0.0), tuple(words))
        for sent, words in zip(inside, lost, strict=True)
    ]


def _in_words(request: FailedRequest, struck: float, url: str) -> str:
    since, until = request.sent - struck, request.failed - struck
    return f"{since:+.1f} to {until:+.1f} s, by {url}: {request.told}"


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
