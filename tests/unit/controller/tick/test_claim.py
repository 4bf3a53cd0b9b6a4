"""Which of several operators runs a service."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.unit.controller.stand_ins import MemoryCluster, Object

from pd_operator.actuation.cluster import Cluster
from pd_operator.api.names import ServiceKey
from pd_operator.controller.status.events import EventRecorder
from pd_operator.controller.tick import claim
from pd_operator.controller.tick.claim import RENEW_SECONDS, STALE_RENEWALS, ServiceClaim

KEY = ServiceKey("team", "chat")
STALE = STALE_RENEWALS * RENEW_SECONDS


class VersionedCluster(MemoryCluster):
    """One that counts versions and claims, and lets somebody write in between where told to."""

    claims = 0
    faster: Object | None = None

    async def patch_status(
        self, kind: Any, namespace: str, name: str, status: Object, *, resource_version: str
    ) -> None:
        if self.faster:
            self.change(self.faster)
            self.faster = None
        await super().patch_status(kind, namespace, name, status, resource_version=resource_version)
        self.claims += 1
        self.change({})

    def change(self, status: Object) -> None:
        """Somebody else writes."""
        stored = self.stored["PDInferenceService", "chat"]
        stored["status"] = stored.get("status", {}) | status
        metadata = stored["metadata"]
        version = str(int(metadata["resourceVersion"]) + 1)
        self.stored["PDInferenceService", "chat"] = stored | {
            "metadata": metadata | {"resourceVersion": version}
        }

    def told(self) -> Object:
        """The object as a watch that is up to date tells it."""
        return dict(self.stored["PDInferenceService", "chat"])


def entry(operator: str, renewed: str = "2026-01-01T00:00:00Z") -> Object:
    return {"managedBy": {"operator": operator, "renewTime": renewed}}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=1000.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(claim, "time", clock)
    return clock


@pytest.fixture
def cluster() -> VersionedCluster:
    cluster = VersionedCluster()
    metadata = {"name": "chat", "namespace": "team", "uid": "u", "resourceVersion": "1"}
    cluster.stored["PDInferenceService", "chat"] = {"metadata": metadata, "spec": {}}
    return cluster


def operator(cluster: VersionedCluster, name: str) -> ServiceClaim:
    api = cast("Cluster", cluster)
    return ServiceClaim(KEY, api, EventRecorder(api), name)


async def test_the_first_runs_the_service_and_the_second_stands_still_and_says_so_once(
    cluster: VersionedCluster, clock: Any
) -> None:
    first, second = operator(cluster, "a/one"), operator(cluster, "b/two")
    for _ in range(20):
        assert await first.hold(cluster.told())
        assert not await second.hold(cluster.told())
        clock.now += 15
    assert cluster.told()["status"]["managedBy"]["operator"] == "a/one"
    assert (first.held, second.held) == (True, False)
    assert cluster.events == ["ManagedElsewhere"]
    assert cluster.claims == 3, "one and a renewal every two minutes"


async def test_an_entry_that_is_not_renewed_is_taken_over_and_its_owner_finds_out(
    cluster: VersionedCluster, clock: Any
) -> None:
    first, second = operator(cluster, "a/one"), operator(cluster, "b/two")
    assert await first.hold(cluster.told())
    assert not await second.hold(cluster.told())
    clock.now += STALE - 1
    assert not await second.hold(cluster.told())
    clock.now += 2
    assert await second.hold(cluster.told())
    assert not await first.hold(cluster.told())
    assert await second.hold(cluster.told())


async def test_a_service_of_a_long_period_is_waited_for_longer(
    cluster: VersionedCluster, clock: Any
) -> None:
    cluster.change(entry("a/one"))
    cluster.told()["spec"]["autoscaling"] = {"periodSeconds": 600}
    second = operator(cluster, "b/two")
    assert not await second.hold(cluster.told())
    clock.now += STALE + 1
    assert not await second.hold(cluster.told())
    clock.now += 3 * 600 - STALE
    assert await second.hold(cluster.told())


async def test_a_watch_that_lags_behind_our_own_takeover_costs_no_further_write(
    cluster: VersionedCluster, clock: Any
) -> None:
    cluster.change(entry("a/gone"))
    late, heir = cluster.told(), operator(cluster, "b/two")
    assert not await heir.hold(late)
    late = {**late, "status": entry("a/gone")}
    clock.now += STALE
    for _ in range(3):
        assert await heir.hold(late)
    assert cluster.claims == 1


async def test_of_two_that_claim_at_once_one_gets_it(cluster: VersionedCluster, clock: Any) -> None:
    cluster.faster = entry("a/one")
    second = operator(cluster, "b/two")
    assert not await second.hold(cluster.told())
    assert cluster.told()["status"]["managedBy"]["operator"] == "a/one"
    assert cluster.claims == 0


async def test_a_write_of_somebody_who_claims_nothing_is_no_reason_to_give_up(
    cluster: VersionedCluster, clock: Any
) -> None:
    cluster.faster = {"ratio": "3:2"}
    assert await operator(cluster, "a/one").hold(cluster.told())


async def test_a_restarted_operator_goes_on_at_once_under_its_own_name(
    cluster: VersionedCluster, clock: Any
) -> None:
    cluster.change(entry("a/one"))
    assert await operator(cluster, "a/one").hold(cluster.told())
    assert cluster.events == []


async def test_a_service_that_is_gone_is_nobodys(cluster: VersionedCluster, clock: Any) -> None:
    told = cluster.told()
    cluster.stored.clear()
    assert not await operator(cluster, "a/one").hold(told)
