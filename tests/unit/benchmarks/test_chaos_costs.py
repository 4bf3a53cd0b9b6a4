"""Which failed requests a fault may cut: those inside what was struck, or sent there soon."""

from dataclasses import dataclass, field
from typing import cast

import pytest
from scripts.chaos.costs import Costs, costs_of
from scripts.chaos.faults import FAULTS, chosen
from scripts.chaos.loads import Client
from scripts.chaos.play import Played
from scripts.chaos.world import Hit
from tests.integration.operator.traffic import FailedRequest

ENGINE, ROUTER, OTHER = "10.0.0.1", "http://router", "http://other"
STRUCK, MENDED, RECOVERED = 100.0, 110.0, 120.0


@dataclass
class Told:
    """A router that drops the engines of `dropped` at those times (Unix seconds)."""

    dropped: dict[str, float] = field(default_factory=dict)

    def dropped_since(self, pod_ip: str, struck_seconds: float) -> float | None:
        at = self.dropped.get(pod_ip)
        return at if at is not None and at >= struck_seconds else None


def of_clients(url: str, *failures: FailedRequest, **dropped: float) -> Client:
    watch = Told({ENGINE: dropped["engine"]} if dropped else {})
    return cast("Client", Clients(url, watch, list(failures)))


@dataclass
class Clients:
    url: str
    watch: Told
    failures: list[FailedRequest]


def cost(hit: Hit, *clients: Client) -> Costs:
    return costs_of([played(hit)], clients)[0]


def played(hit: Hit, struck: float = STRUCK) -> Played:
    later = struck - STRUCK
    return Played(FAULTS[0], hit, struck, MENDED + later, RECOVERED + later, ())


def test_a_request_inside_an_engine_that_is_struck_is_cut_and_a_later_one_lost() -> None:
    inside = FailedRequest(99.0, 101.0, "reset")
    just_sent = FailedRequest(101.5, 101.6, "http_error 502")
    after = FailedRequest(103.0, 103.1, "http_error 502")
    told = cost(
        Hit(engines=frozenset({ENGINE})), of_clients(ROUTER, inside, just_sent, after, engine=102.0)
    )
    assert (told.cut, told.cut_seconds) == (2, 1.5)
    assert len(told.lost) == 1
    assert "http_error 502" in told.lost[0]


def test_a_router_that_never_drops_the_engine_may_fail_requests_until_all_has_recovered() -> None:
    hit = Hit(engines=frozenset({ENGINE}))
    late = FailedRequest(RECOVERED - 1, RECOVERED, "timeout")
    too_late = FailedRequest(RECOVERED + 1, RECOVERED + 2, "timeout")
    told = cost(hit, of_clients(ROUTER, late, too_late))
    assert (told.cut, len(told.lost)) == (1, 1)


def test_only_the_clients_of_a_router_that_is_struck_may_lose_requests() -> None:
    failed = FailedRequest(101.0, 102.0, "reset")
    told = cost(
        Hit(routers=frozenset({ROUTER})), of_clients(ROUTER, failed), of_clients(OTHER, failed)
    )
    assert (told.cut, len(told.lost)) == (1, 1)


def test_where_nothing_that_serves_is_struck_every_failure_is_a_loss() -> None:
    told = cost(Hit(), of_clients(ROUTER, FailedRequest(99.0, 101.0, "reset")))
    assert (told.cut, len(told.lost)) == (0, 1)


def test_a_failure_is_of_the_fault_that_began_last() -> None:
    both = [played(Hit()), played(Hit(), struck=200.0)]
    failures = [FailedRequest(90.0, 99.0, "before any"), FailedRequest(150.0, 201.0, "reset")]
    first, second = costs_of(both, [of_clients(ROUTER, *failures)])
    assert (len(first.lost), len(second.lost)) == (1, 1)
    assert "before any" in first.lost[0]


def test_a_request_that_hangs_for_long_is_of_the_fault_that_it_was_inside() -> None:
    hit = Hit(engines=frozenset({ENGINE}))
    hung = FailedRequest(99.0, 221.0, "timeout")
    first, second = costs_of([played(hit), played(hit, struck=200.0)], [of_clients(ROUTER, hung)])
    assert (first.cut, second.cut) == (1, 0)


def test_faults_are_chosen_by_component_or_by_name_and_a_misspelling_is_told() -> None:
    assert chosen("") == FAULTS
    assert {fault.component for fault in chosen("engine")} == {"engine"}
    assert [str(fault) for fault in chosen("node hung, router killed")] == [
        "router killed",
        "node hung",
    ]
    with pytest.raises(ValueError, match="no such fault: enigne"):
        chosen("enigne")
