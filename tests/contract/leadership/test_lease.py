"""Leases of the real API server: what it takes, what it refuses, and what a term's end stops."""

from datetime import UTC, datetime

import pytest

from pd_e2e.cluster.controlplane import ControlPlane
from pd_operator.actuation.cluster import Cluster
from pd_operator.actuation.fence import DeposedError
from pd_operator.actuation.kinds import CONFIG_MAP, LEASE
from pd_operator.leadership.candidate import Candidate
from pd_operator.leadership.election import ElectionTimes, LeaseRecord
from pd_operator.leadership.lease import LeaseStore

pytestmark = pytest.mark.controlplane

TIMES = ElectionTimes()
WHOLE_SECOND = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def cluster(control_plane: ControlPlane) -> Cluster:
    return Cluster(control_plane.admin)


@pytest.fixture
def lease(cluster: Cluster, namespace: str) -> LeaseStore:
    return LeaseStore(cluster, namespace, "operator", TIMES, lambda: WHOLE_SECOND)


async def test_a_lease_is_renewed_on_a_whole_second_and_never_twice_alike(
    lease: LeaseStore,
) -> None:
    taken = await lease.acquire(await lease.read(), "me", 1)
    assert taken is not None
    assert taken.record == LeaseRecord(
        "me", 15, 1, "2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:00.000000Z"
    )
    renewed = await lease.renew(taken)
    assert renewed is not None
    assert renewed.record != taken.record
    assert renewed.version != taken.version


async def test_of_two_who_take_it_as_they_both_read_it_one_gets_it(lease: LeaseStore) -> None:
    first, second = await lease.read(), await lease.read()
    assert first == second
    assert await lease.acquire(first, "one", 1) is not None
    assert await lease.acquire(second, "two", 1) is None
    assert (await lease.read()).record.holder == "one"


async def test_a_lease_that_is_made_twice_keeps_what_is_written_in_it(
    cluster: Cluster, lease: LeaseStore, namespace: str
) -> None:
    taken = await lease.acquire(await lease.read(), "one", 1)
    bare = {"name": "operator", "namespace": namespace}
    header = {"apiVersion": LEASE.api_version, "kind": LEASE.name}
    await cluster.apply(header | {"metadata": bare})
    assert taken is not None
    assert (await lease.read()).record == taken.record


async def test_a_lease_that_is_given_back_says_so(lease: LeaseStore) -> None:
    taken = await lease.acquire(await lease.read(), "one", 1)
    assert taken is not None
    released = await lease.release(taken)
    assert released is not None
    assert released.record.released
    assert released.record.term == 1


async def test_a_write_passes_while_the_term_lasts_and_not_after(
    cluster: Cluster, lease: LeaseStore, namespace: str
) -> None:
    await lease.release(await lease.read())
    candidate = Candidate(lease, "me", TIMES)
    await candidate.step()
    term = candidate.term
    assert term is not None
    fenced = cluster.behind(term)
    await fenced.create(CONFIG_MAP, namespace, {"metadata": {"name": "note"}})
    await fenced.mark(CONFIG_MAP, namespace, "note", labels={"by": "me"})

    await candidate.release()
    with pytest.raises(DeposedError):
        await fenced.mark(CONFIG_MAP, namespace, "note", labels={"by": "one who led"})
    with pytest.raises(DeposedError):
        await fenced.create(CONFIG_MAP, namespace, {"metadata": {"name": "another"}})
    note = await fenced.get(CONFIG_MAP, namespace, "note")
    assert note is not None
    assert note["metadata"]["labels"] == {"by": "me"}
    assert await fenced.get(CONFIG_MAP, namespace, "another") is None
