"""From pods and readings to an observation."""

from typing import Any

import pytest

from pd_operator.actuation.steps import DrainRules, PoolTarget, SetReplicas, next_steps
from pd_operator.api.roles import Role
from pd_operator.scaling.observation import EngineLoad, Known, Unknown
from pd_operator.telemetry.observe import NO_ENGINE, askable_engines, observe, worker_observation
from pd_operator.telemetry.startup import startup_seconds

NOW = 1_700_003_600.0
CREATED = "2023-11-14T22:13:20Z"  # 1_700_000_000
STARTED = "2023-11-14T22:13:30Z"
READY = "2023-11-14T22:14:20Z"
ANNOTATIONS = "serving.pd-operator.io"
MUCH_LATER = "2023-11-14T23:10:00Z"
NOT_KNOWN = Unknown("NoSeries", "prometheus", "nothing there")

IDLE = EngineLoad(None, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8192, 0, 0.0, (0.0,) * 6)


def pod(
    name: str = "chat-prefill-1",
    role: str = "prefill",
    *,
    ready: str | None = READY,
    since: str = READY,
    restarts: int = 0,
    phase: str = "Running",
    labels: dict[str, str] | None = None,
) -> dict[str, Any]:
    state = "True" if ready else "False"
    conditions = [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": CREATED},
        {"type": "Ready", "status": state, "lastTransitionTime": ready or CREATED},
        {"type": "ContainersReady", "status": state, "lastTransitionTime": since},
    ]
    probe = {"periodSeconds": 2, "failureThreshold": 300}
    container = {
        "name": "engine",
        "startupProbe": probe,
        "ports": [{"name": "http", "containerPort": 30000}],
    }
    status = {
        "restartCount": restarts,
        "ready": bool(ready),
        "state": {"running": {"startedAt": STARTED}},
    }
    return {
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "creationTimestamp": CREATED,
            "labels": {"serving.pd-operator.io/role": role} | (labels or {}),
        },
        "spec": {"containers": [container]},
        "status": {
            "phase": phase,
            "podIP": "127.1.0.7",
            "conditions": conditions,
            "containerStatuses": [status],
        },
    }


def test_a_ready_worker_is_seen_with_its_age_and_start_up() -> None:
    load = Known(IDLE, 0.0, "engine")
    seen = worker_observation(pod(), load, NOW)
    assert seen.role is Role.PREFILL
    assert seen.address == "http://127.1.0.7:30000"
    assert seen.serving
    assert seen.scheduled
    assert seen.age_seconds == 3600
    assert seen.startup_seconds == 60
    assert seen.load is load


def test_a_worker_out_of_traffic_or_being_deleted_drains() -> None:
    off = pod(labels={"serving.pd-operator.io/traffic": "off"})
    assert worker_observation(off, NO_ENGINE, NOW).draining
    leaving = pod()
    leaving["metadata"]["deletionTimestamp"] = READY
    assert worker_observation(leaving, NO_ENGINE, NOW).draining


def test_a_pod_that_no_node_has_room_for_is_starting_and_unscheduled() -> None:
    waiting = pod(ready=None, phase="Pending")
    waiting["status"] = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}],
    }
    seen = worker_observation(waiting, NO_ENGINE, NOW)
    assert (seen.starting, seen.scheduled, seen.address) == (True, False, "")
    assert askable_engines([waiting]) == {}


def test_pods_are_sorted_into_pools_and_others_left_out() -> None:
    pods = [
        pod("b", "decode"),
        pod("a", "decode", ready=None),
        pod("r", "router"),
        pod("old", "prefill", phase="Failed"),
    ]
    loads = {"b": Known(IDLE, 0.0, "engine")}
    deployments = {Role.PREFILL: None, Role.DECODE: {"metadata": {}, "spec": {"replicas": 2}}}
    seen = observe(NOW, pods, deployments, loads, NOT_KNOWN, NOT_KNOWN)
    assert seen.prefill.workers == ()
    assert [worker.name for worker in seen.decode.workers] == ["a", "b"]
    assert (seen.decode.ready, seen.decode.starting, seen.decode.replicas) == (1, 1, 2)
    assert isinstance(seen.decode.workers[0].load, Unknown)
    assert seen.demand is NOT_KNOWN


def test_only_running_engines_are_asked() -> None:
    pods = [pod("a"), pod("b", phase="Pending"), pod("c", phase="Succeeded"), pod("r", "router")]
    assert askable_engines(pods) == {"a": "http://127.1.0.7:30000"}


def test_a_wait_for_a_node_is_no_part_of_the_start_up() -> None:
    # Created, scheduled six hours later, ready a minute after that.
    late = pod(ready="2023-11-15T04:14:20Z", since="2023-11-15T04:14:20Z")
    late["status"]["conditions"][0]["lastTransitionTime"] = "2023-11-15T04:13:20Z"
    late["status"]["containerStatuses"][0]["state"]["running"] = {
        "startedAt": "2023-11-15T04:13:30Z"
    }
    seen = worker_observation(late, NO_ENGINE, NOW + 7 * 3600)
    assert seen.startup_seconds == 60
    assert seen.capacity_wait_seconds == 6 * 3600
    assert seen.seconds_on_node == 2 * 3600


def test_a_worker_without_a_node_has_waited_all_its_life() -> None:
    waiting = pod(ready=None, phase="Pending")
    waiting["status"]["conditions"] = [{"type": "PodScheduled", "status": "False"}]
    seen = worker_observation(waiting, NO_ENGINE, NOW)
    assert (seen.capacity_wait_seconds, seen.seconds_on_node) == (3600, 0)


def test_a_container_that_was_restarted_tells_no_start_up() -> None:
    assert startup_seconds(pod(restarts=1)) is None


def test_a_pod_that_is_not_ready_tells_no_start_up() -> None:
    assert startup_seconds(pod(ready=None)) is None


def test_a_node_that_was_lost_and_found_does_not_lengthen_the_start_up() -> None:
    # The node controller touched Ready alone.
    assert startup_seconds(pod(ready=MUCH_LATER, since=READY)) == 60


def test_readiness_that_was_lost_and_found_tells_no_start_up() -> None:
    # Later than ten minutes of start-up probes allow.
    assert startup_seconds(pod(ready=MUCH_LATER, since=MUCH_LATER)) is None


@pytest.mark.parametrize(
    ("probe", "latest", "seconds"),
    [
        ({"periodSeconds": 2, "failureThreshold": 300}, "2023-11-14T22:23:32Z", 612),
        ({"periodSeconds": 5}, "2023-11-14T22:13:50Z", 30),
        ({"initialDelaySeconds": 30}, "2023-11-14T22:14:40Z", 80),
    ],
)
def test_a_start_up_may_take_as_long_as_its_probe_allows(
    probe: dict[str, int], latest: str, seconds: float
) -> None:
    slow, too_slow = pod(since=latest), pod(since=latest.replace("Z", ".1Z"))
    for one in (slow, too_slow):
        one["spec"]["containers"][0]["startupProbe"] = probe
    assert startup_seconds(slow) == seconds
    assert startup_seconds(too_slow) is None


def test_a_worker_in_service_is_started_and_not_on_its_way_out() -> None:
    one = pod()
    one["status"]["containerStatuses"] = [{"name": "engine", "started": True}]
    seen = worker_observation(one, NO_ENGINE, NOW)
    assert (seen.ready, seen.started, seen.draining) == (True, True, False)
    assert seen.drain_deadline is seen.idle_since is None


@pytest.mark.parametrize(
    "containers",
    [
        None,
        [],
        [{"name": "engine", "started": False}],
        [{"name": "engine"}],
        [{"name": "engine", "started": False}, {"name": "istio-proxy", "started": True}],
    ],
)
def test_a_worker_whose_engine_has_not_begun_is_not_started(
    containers: list[dict[str, Any]] | None,
) -> None:
    one = pod(ready=None)
    one["status"]["containerStatuses"] = containers
    assert not worker_observation(one, NO_ENGINE, NOW).started


def test_a_drain_in_progress_is_found_again_after_a_restart() -> None:
    one = pod(labels={f"{ANNOTATIONS}/traffic": "off"})
    one["metadata"]["annotations"] = {
        f"{ANNOTATIONS}/drain-started": "1700000000.5",
        f"{ANNOTATIONS}/drain-deadline": "1700000300",
        f"{ANNOTATIONS}/idle-since": "1700000012.345",
    }
    seen = worker_observation(one, NO_ENGINE, NOW)
    assert seen.draining
    assert seen.drain_deadline == 1_700_000_300
    assert seen.drain_started == 1_700_000_000.5
    assert seen.idle_since == 1_700_000_012.345
    assert seen.replicas_without is None


def test_a_victim_is_known_for_one_and_its_cost_read() -> None:
    one = pod(labels={f"{ANNOTATIONS}/traffic": "off"})
    one["metadata"]["annotations"] = {
        f"{ANNOTATIONS}/replicas-without": "2",
        "controller.kubernetes.io/pod-deletion-cost": "-2147483648",
    }
    seen = worker_observation(one, NO_ENGINE, NOW)
    assert (seen.replicas_without, seen.deletion_cost) == (2, -(1 << 31))


def test_how_long_a_worker_has_not_been_ready_is_known() -> None:
    lost = pod(ready=None)
    lost["status"]["conditions"][1]["lastTransitionTime"] = MUCH_LATER
    assert worker_observation(lost, NO_ENGINE, NOW).unready_seconds == 200
    assert worker_observation(pod(), NO_ENGINE, NOW).unready_seconds == 0


def test_of_a_crash_looping_worker_beside_a_side_car_and_serving_ones_the_broken_one_goes() -> None:
    def beside_a_side_car(name: str, *, serves: bool) -> dict[str, Any]:
        one = pod(name, "decode", ready=READY if serves else None)
        one["status"]["containerStatuses"] = [
            {"name": "engine", "started": serves, "restartCount": 0 if serves else 17},
            {"name": "istio-proxy", "started": True, "ready": True},
        ]
        return one

    pods = [
        beside_a_side_car("serving-a", serves=True),
        beside_a_side_car("serving-b", serves=True),
        beside_a_side_car("broken", serves=False),
    ]
    status = {"replicas": 3, "readyReplicas": 2, "updatedReplicas": 3}
    deployed = {"metadata": {}, "spec": {"replicas": 3}, "status": status}
    deployments = {Role.PREFILL: None, Role.DECODE: deployed}
    seen = observe(NOW, pods, deployments, {}, NOT_KNOWN, NOT_KNOWN).decode
    steps = next_steps(PoolTarget(seen, 2, NOW, DrainRules(300)))
    assert steps == [SetReplicas(2, victims=("broken",))]


def test_a_time_that_somebody_scribbled_is_as_good_as_none() -> None:
    one = pod()
    one["metadata"]["annotations"] = {f"{ANNOTATIONS}/drain-deadline": "soon"}
    assert worker_observation(one, NO_ENGINE, NOW).drain_deadline is None


def test_whatever_may_change_an_engines_speed_changes_its_software() -> None:
    one, same, other = pod("a"), pod("b"), pod("c")
    other["spec"]["containers"][0]["args"] = ["--chunked-prefill-size=4096"]
    first, second, third = (
        worker_observation(each, NO_ENGINE, NOW).software for each in (one, same, other)
    )
    assert first == second != third


def test_routers_that_were_started_again_are_told_with_the_time() -> None:
    again, sidecar = pod("r2", "router", restarts=1), pod("r3", "router", restarts=1)
    again["status"]["containerStatuses"][0]["name"] = "router"
    sidecar["status"]["containerStatuses"][0]["name"] = "worker-table"
    pods = [pod("r1", "router"), again, sidecar, pod("a", "decode", restarts=1)]
    seen = observe(NOW, pods, {Role.PREFILL: None, Role.DECODE: None}, {})
    assert seen.router_restarts == (("r2", NOW - 3590),)


def test_only_routers_that_are_ready_are_counted() -> None:
    leaving = pod("r3", "router")
    leaving["metadata"]["deletionTimestamp"] = READY
    pods = [pod("r1", "router"), pod("r2", "router", ready=None), leaving, pod("a", "decode")]
    seen = observe(NOW, pods, dict.fromkeys(Role), {}, NOT_KNOWN, NOT_KNOWN)
    assert seen.routers_ready == 1
