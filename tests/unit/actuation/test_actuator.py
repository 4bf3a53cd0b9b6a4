"""What the actuator writes for a step."""

from dataclasses import replace

from tests.unit.actuation.pod_cluster import PodCluster

from pd_operator.actuation.actuator import Actuator
from pd_operator.actuation.steps import SetReplicas
from pd_operator.api.roles import Role
from pd_operator.scaling.observation import PoolObservation


async def everyone(_role: Role) -> list[str]:
    return ["decode-0", "decode-1"]


async def test_a_worker_that_goes_is_not_to_change_its_role_as_well() -> None:
    cluster, pool = PodCluster(), PoolObservation.of(Role.DECODE, ready=2)
    pool = replace(pool, workers=tuple(replace(one, version="0") for one in pool.workers))
    actuator = Actuator(cluster.writer(), everyone)
    assert len(await actuator.apply([SetReplicas(1, ("decode-1",))], pool)) == 1
    ((victim, written),) = cluster.marks
    assert victim == "decode-1"
    assert "switch-to" in written
    assert written["switch-to"] is None
    assert written["replicas-without"] == "1"
    assert cluster.scaled == [1]
