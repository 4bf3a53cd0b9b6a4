"""Workloads of other hands, seen as if a pool of ours had made them."""

from typing import Any

import pytest

from pd_operator.api.pods import engine_url
from pd_operator.api.roles import Role
from pd_operator.telemetry.attached import as_deployment, as_worker
from pd_operator.telemetry.observe import NO_ENGINE, worker_observation
from pd_operator.telemetry.observe_pool import observe_pool

NOW = 1_700_003_600.0
Json = dict[str, Any]


def pod(*containers: Json, **labels: str) -> Json:
    statuses = [{"name": one["name"], "started": True, "ready": True} for one in containers]
    return {
        "metadata": {
            "name": "answers-0",
            "creationTimestamp": "2023-11-14T22:13:20Z",
            "labels": labels,
        },
        "spec": {"containers": list(containers)},
        "status": {"podIP": "10.0.0.7", "phase": "Running", "containerStatuses": statuses},
    }


SIDECAR = {"name": "proxy", "ports": [{"name": "http", "containerPort": 9000}]}
SERVER = {"name": "sglang", "image": "sglang:1", "ports": [{"containerPort": 8000}]}


def test_a_pod_of_other_hands_is_a_worker_of_the_role_that_it_is_named_for() -> None:
    worker = worker_observation(as_worker(pod(SERVER), Role.DECODE, 8000), NO_ENGINE, NOW)
    assert (worker.role, worker.member_of) == (Role.DECODE, Role.DECODE)
    assert worker.address == "http://10.0.0.7:8000"
    assert worker.started


@pytest.mark.parametrize(
    ("containers", "port", "url"),
    [
        ((SERVER,), None, "http://10.0.0.7:30000"),
        ((SERVER,), 8000, "http://10.0.0.7:8000"),
        ((SERVER, SIDECAR), 8000, "http://10.0.0.7:8000"),
        ((SIDECAR, {"name": "engine"}), 8000, "http://10.0.0.7:8000"),
        (
            ({"name": "a", "ports": [{"name": "http", "containerPort": 81}]},),
            None,
            "http://10.0.0.7:81",
        ),
    ],
)
def test_its_server_is_asked_at_the_port_that_is_named_or_told(
    containers: tuple[Json, ...], port: int | None, url: str
) -> None:
    assert engine_url(as_worker(pod(*containers), Role.PREFILL, port)) == url


def test_another_image_of_its_server_is_other_software() -> None:
    def software(image: str) -> str:
        seen = as_worker(pod(SERVER | {"image": image}), Role.DECODE, None)
        return worker_observation(seen, NO_ENGINE, NOW).software

    assert software("sglang:1") == software("sglang:1") != software("sglang:2")


def test_the_pod_that_was_read_is_left_as_it_is() -> None:
    read = pod(SERVER, app="answers")
    as_worker(read, Role.DECODE, 8000)
    assert read == pod(SERVER, app="answers")


def stored(generation: int = 3, **status: Any) -> Json:
    return {"metadata": {"resourceVersion": "9", "generation": generation}, "status": status}


def scale(wanted: int, there: int, version: str = "9") -> Json:
    return {
        "metadata": {"resourceVersion": version},
        "spec": {"replicas": wanted},
        "status": {"replicas": there},
    }


COUNTS = {"readyReplicas": 0, "updatedReplicas": 0}


@pytest.mark.parametrize(
    ("workload", "numbers", "is_settled"),
    [
        (stored(observedGeneration=3, **COUNTS), scale(0, 0), True),
        (stored(observedGeneration=2, **COUNTS), scale(0, 0), False),
        # A kind that does not say which spec its controller has seen.
        (stored(**COUNTS), scale(0, 0), True),
        (stored(**COUNTS), scale(1, 0), False),
        # It changed between the two readings.
        (stored(observedGeneration=3, **COUNTS), scale(0, 0, "10"), False),
    ],
)
def test_a_workload_is_settled_where_its_controller_has_surely_acted(
    workload: Json, numbers: Json, is_settled: bool
) -> None:
    pool = observe_pool(Role.DECODE, as_deployment(workload, numbers), ())
    assert pool.settled is is_settled
    assert pool.version == numbers["metadata"]["resourceVersion"]


def test_a_kind_that_tells_nothing_of_its_pods_counts_as_rolling_out() -> None:
    pool = observe_pool(Role.DECODE, as_deployment(stored(), scale(2, 2)), ())
    assert pool.replicas == 2
    assert pool.rolling_out
