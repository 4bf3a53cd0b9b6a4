"""Why a worker is not there, read from pods and Deployments as Kubernetes writes them."""

from typing import Any

import pytest

from pd_operator.api.roles import Role
from pd_operator.scaling.observation import Unknown
from pd_operator.telemetry.observe import NO_ENGINE, observe, worker_observation
from pd_operator.telemetry.trouble import LONGEST_WORDS, refusal, waiting_reason

CREATED, SCHEDULED, LOST = "2027-01-15T05:00:00Z", "2027-01-15T07:00:00Z", "2027-01-15T07:55:00Z"
NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z
UNKNOWN = Unknown("NoSeries", "prometheus", "nothing there")
LACK = (
    "0/2 nodes are available: 2 Insufficient nvidia.com/gpu. no new claims to deallocate, "
    "preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod."
)

Json = dict[str, Any]


def pod(*containers: Json, init: tuple[Json, ...] = (), ready: str = "False") -> Json:
    """A pod that has a node since 07:00."""
    return {
        "metadata": {
            "name": "chat-decode-1",
            "creationTimestamp": CREATED,
            "labels": {"serving.pd-operator.io/role": "decode"},
        },
        "spec": {"containers": []},
        "status": {
            "phase": "Pending",
            "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": SCHEDULED},
                {"type": "Ready", "status": ready, "lastTransitionTime": SCHEDULED},
            ],
            "initContainerStatuses": list(init),
            "containerStatuses": list(containers),
        },
    }


def homeless(message: str | None) -> Json:
    said = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    conditions = [said | ({"message": message} if message else {})]
    return pod() | {"status": {"phase": "Pending", "conditions": conditions}}


def engine(ready: bool = False, restarts: int = 0, **status: Any) -> Json:
    return {"name": "engine", "ready": ready, "restartCount": restarts, **status}


def waiting(reason: str, message: str = "") -> Json:
    return {"waiting": {"reason": reason} | ({"message": message} if message else {})}


def ended(code: int, reason: str, **more: str) -> Json:
    return {"terminated": {"exitCode": code, "reason": reason, **more}}


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (LACK, "0/2 nodes are available: 2 Insufficient nvidia.com/gpu"),
        (
            "0/3 nodes are available: 3 cannot allocate all claims. still not schedulable, "
            "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
            "0/3 nodes are available: 3 cannot allocate all claims",
        ),
        (
            "0/2 nodes are available: 2 cannot allocate all claims. preemption: 0/2 nodes are "
            "available: 2 Preemption is not helpful for scheduling.",
            "0/2 nodes are available: 2 cannot allocate all claims",
        ),
        (
            "0/1 nodes are available: 1 node(s) had untolerated taint(s). no new claims to "
            "deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful.",
            "0/1 nodes are available: 1 node(s) had untolerated taint(s)",
        ),
        (
            'persistentvolumeclaim "weights" not found. preemption: not eligible',
            'persistentvolumeclaim "weights" not found',
        ),
        (None, ""),
    ],
)
def test_the_scheduler_is_quoted_without_what_it_says_of_preemption(
    message: str | None, words: str
) -> None:
    assert waiting_reason(homeless(message)) == words


@pytest.mark.parametrize(
    ("container", "words"),
    [
        (
            engine(state=waiting("ImagePullBackOff", 'Back-off pulling image "nowhere:v9"')),
            'engine: ImagePullBackOff: Back-off pulling image "nowhere:v9"',
        ),
        (
            engine(state=waiting("CreateContainerConfigError", 'secret "hf-token" not found')),
            'engine: CreateContainerConfigError: secret "hf-token" not found',
        ),
        (
            engine(
                restarts=5,
                state=waiting("CrashLoopBackOff", "back-off 2m40s restarting failed container"),
                lastState=ended(1, "Error"),
            ),
            "engine: CrashLoopBackOff: exit code 1 (Error), 5 restarts",
        ),
        (
            engine(restarts=1, state={"running": {}}, lastState=ended(137, "OOMKilled")),
            "engine: ended: exit code 137 (OOMKilled), 1 restart",
        ),
        (
            engine(state=ended(0, "Completed")),
            "engine: ended: exit code 0 (Completed), 0 restarts",
        ),
        (
            engine(restarts=2, state=waiting("ErrImagePull", "gone"), lastState=ended(0, "x")),
            "engine: ErrImagePull: gone",
        ),
        (engine(state=waiting("ContainerCreating")), ""),
        (
            engine(
                restarts=2,
                state=waiting("CrashLoopBackOff", "back-off 20s restarting failed container"),
                lastState=ended(
                    1, "Error", message="Traceback (most recent call last):\nOSError: x"
                ),
            ),
            "engine: CrashLoopBackOff: exit code 1 (Error), 2 restarts: OSError: x",
        ),
        (
            engine(state=ended(137, "Error", message="RuntimeError: a. b.\n")),
            "engine: ended: exit code 137 (Error), 0 restarts: RuntimeError: a. b",
        ),
        (engine(state={"running": {}}), ""),
        (engine(ready=True, restarts=3, state={"running": {}}, lastState=ended(1, "Error")), ""),
        (engine(), ""),
    ],
)
def test_the_kubelet_is_quoted_with_the_exit_code_of_a_crash(container: Json, words: str) -> None:
    assert waiting_reason(pod(container)) == words


def test_an_init_container_that_fails_is_named_and_one_that_is_done_is_not() -> None:
    done = {"name": "fetch", "ready": True, "state": ended(0, "Completed")}
    failed = {"name": "unpack", "ready": False, "state": ended(2, "Error")}
    blocked = engine(state=waiting("PodInitializing"))
    assert waiting_reason(pod(blocked, init=(done,))) == ""
    assert waiting_reason(pod(blocked, init=(done, failed))) == (
        "unpack: ended: exit code 2 (Error), 0 restarts"
    )


def test_a_native_side_car_is_told_of_when_it_fails_and_not_while_it_runs() -> None:
    blocked = engine(state=waiting("PodInitializing"))
    running = {"name": "proxy", "ready": True, "started": True, "state": {"running": {}}}
    starting = running | {"ready": False, "started": False}
    crashing = starting | {
        "state": waiting("CrashLoopBackOff"),
        "lastState": ended(1, "Error"),
        "restartCount": 4,
    }
    assert waiting_reason(pod(blocked, init=(running,))) == ""
    assert waiting_reason(pod(blocked, init=(starting,))) == ""
    assert waiting_reason(pod(blocked, init=(crashing,))) == (
        "proxy: CrashLoopBackOff: exit code 1 (Error), 4 restarts"
    )


@pytest.mark.parametrize(
    ("init", "containers", "started"),
    [
        ((), (engine(started=False, restarts=9), {"name": "proxy", "started": True}), False),
        (({"name": "proxy", "started": True},), (engine(started=False, restarts=9),), False),
        (({"name": "fetch", "state": ended(1, "Error")},), (engine(),), False),
        (({"name": "proxy", "started": False},), (engine(started=True),), True),
    ],
    ids=["side-car", "native side-car", "init container", "engine beside a broken side-car"],
)
def test_only_the_engine_tells_whether_a_worker_ever_held_a_request(
    init: tuple[Json, ...], containers: tuple[Json, ...], started: bool
) -> None:
    seen = worker_observation(pod(*containers, init=init), NO_ENGINE, NOW)
    assert seen.started is started


def test_a_ready_worker_waits_for_nothing() -> None:
    crashed_once = engine(restarts=1, state={"running": {}}, lastState=ended(1, "Error"))
    assert waiting_reason(pod(crashed_once, ready="True")) == ""


def test_long_words_are_cut_and_stay_on_one_line() -> None:
    words = waiting_reason(pod(engine(state=waiting("RunContainerError", "a\nb " * 400))))
    assert len(words) == LONGEST_WORDS
    assert "\n" not in words


def deployment(status: str = "True", **failure: str) -> Json:
    conditions = [
        {"type": "Available", "status": "False", "message": "not it"},
        {"type": "ReplicaFailure", "status": status, "reason": "FailedCreate", **failure},
    ]
    return {"metadata": {}, "spec": {"replicas": 6}, "status": {"conditions": conditions}}


@pytest.mark.parametrize(
    "message",
    [
        'pods "chat-prefill-x" is forbidden: exceeded quota: gpus',
        'pods "chat-prefill-x" is forbidden: violates PodSecurity "restricted:latest": '
        "allowPrivilegeEscalation != false",
    ],
)
def test_a_refusal_of_pods_is_quoted(message: str) -> None:
    assert refusal(deployment(message=message)) == message
    assert refusal(deployment()) == "FailedCreate"


def test_a_refusal_that_is_over_or_never_was_is_none() -> None:
    assert refusal(deployment("False", message="no")) == ""
    assert refusal({"spec": {"replicas": 0}}) == ""


def test_a_pool_knows_what_is_refused_missing_and_leaving() -> None:
    leaving = pod(ready="True")
    leaving["metadata"] = leaving["metadata"] | {"name": "z", "deletionTimestamp": LOST}
    deployments = {Role.PREFILL: None, Role.DECODE: deployment(message="exceeded quota")}
    seen = observe(NOW, [pod(ready="True"), leaving], deployments, {}, UNKNOWN, UNKNOWN)
    decode, prefill = seen.decode, seen.prefill
    assert (decode.refused, decode.missing, decode.leaving) == ("exceeded quota", 5, 1)
    assert (prefill.refused, prefill.missing) == ("", 0)


def test_a_worker_that_cannot_run_is_failing_and_not_merely_starting() -> None:
    broken = pod(engine(state=waiting("ErrImagePull", "denied")))
    seen = worker_observation(broken, NO_ENGINE, NOW)
    assert (seen.starting, seen.failing, seen.unschedulable) == (True, True, False)
    assert not worker_observation(pod(engine()), NO_ENGINE, NOW).failing
    assert worker_observation(homeless(LACK), NO_ENGINE, NOW).unschedulable


def test_routers_that_do_not_come_are_told_of_by_whoever_keeps_them_away() -> None:
    lost = homeless("0/2 nodes are available: 2 Too many pods")
    lost["metadata"]["labels"] = {"serving.pd-operator.io/role": "router"}
    quota = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: pods"}
    refused: Json = {"metadata": {}, "spec": {"replicas": 2}, "status": {"conditions": [quota]}}

    def trouble(*pods: Json, router: Json | None = None) -> str:
        seen = observe(NOW, pods, dict.fromkeys(Role), {}, UNKNOWN, UNKNOWN, router=router)
        return seen.router_trouble

    assert trouble(lost) == "0/2 nodes are available: 2 Too many pods"
    assert trouble(router=refused) == "exceeded quota: pods"
    assert trouble() == trouble(homeless("of a worker")) == ""

    serving = pod(engine(ready=True), ready="True")
    serving["metadata"]["labels"] = lost["metadata"]["labels"]
    assert trouble(lost, serving, router=refused) == "", "one serves"
