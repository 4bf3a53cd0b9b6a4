"""When a pool's controllers are done, and when it rolls out."""

from typing import Any

import pytest

from pd_operator.api.roles import Role
from pd_operator.scaling.observation import WorkerObservation
from pd_operator.telemetry.observe_pool import observe_pool

WORKERS = (
    WorkerObservation("a", Role.DECODE),
    WorkerObservation("b", Role.DECODE, ready=False),
    WorkerObservation("c", Role.DECODE, terminating=True),
)
DONE = {"observedGeneration": 4, "replicas": 2, "readyReplicas": 1, "updatedReplicas": 2}


def deployment(**status: Any) -> dict[str, Any]:
    return {
        "metadata": {"generation": 4, "resourceVersion": "77"},
        "spec": {"replicas": 2},
        "status": DONE | status,
    }


def test_a_pool_is_settled_where_its_controllers_count_what_is_there() -> None:
    pool = observe_pool(Role.DECODE, deployment(), WORKERS)
    assert (pool.replicas, pool.settled, pool.rolling_out, pool.version) == (2, True, False, "77")
    assert pool.terminating == 1


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({"observedGeneration": 3}, id="the newest spec was not seen"),
        pytest.param({"replicas": 3, "updatedReplicas": 3}, id="a pod that is gone counts"),
        pytest.param({"readyReplicas": 2}, id="one that lost readiness counts as ready"),
    ],
)
def test_a_pool_whose_controllers_are_late_is_not(status: dict[str, int]) -> None:
    assert not observe_pool(Role.DECODE, deployment(**status), WORKERS).settled


def test_a_pool_with_pods_of_an_older_template_rolls_out() -> None:
    assert observe_pool(Role.DECODE, deployment(updatedReplicas=0), WORKERS).rolling_out


def test_a_pool_without_its_deployment_has_no_replicas() -> None:
    pool = observe_pool(Role.DECODE, None, WORKERS)
    assert (pool.replicas, pool.current) == (0, 0)
