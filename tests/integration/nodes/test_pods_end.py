"""Containers crash, are killed and deleted, and the API tells the truth about it."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pd_e2e.cluster.commands import CommandError
from pd_e2e.cluster.waiting import eventually
from pd_e2e.nodes.cluster import Cluster

pytestmark = pytest.mark.controlplane

Json = dict[str, Any]
RunPod = Callable[..., None]
ReadPod = Callable[..., Json]
IsAlive = Callable[[int], bool]

PID = "$$$$"
"""Kubernetes makes `$` of `$$`, so this is the shell's `$$`, its process id."""

PRINT_PID_AND_SLEEP = {"command": ["sh", "-c", f"echo {PID}; exec sleep 600"]}


def delete(cluster: Cluster, namespace: str, *options: str) -> None:
    cluster.control_plane.kubectl(
        "delete", "pod", "pod", f"--namespace={namespace}", "--wait=false", *options
    )


def is_gone(read_pod: ReadPod) -> bool:
    try:
        read_pod()
    except CommandError as error:
        return "NotFound" in error.stderr
    return False


def test_a_crashing_container_is_restarted_with_back_off(
    run_pod: RunPod, main_status: ReadPod, event_reasons: Callable[..., set[str]]
) -> None:
    run_pod({"command": ["sh", "-c", "exit 3"]})
    eventually(lambda: main_status()["restartCount"] >= 2)
    status = eventually(lambda: "waiting" in main_status()["state"] and main_status())
    assert isinstance(status, dict)
    assert status["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert status["lastState"]["terminated"]["exitCode"] == 3
    assert status["lastState"]["terminated"]["reason"] == "Error"
    eventually(lambda: event_reasons() >= {"Scheduled", "Pulled", "Started", "BackOff"})


@pytest.mark.parametrize("policy", ["FallbackToLogsOnError", "File"])
def test_what_a_failed_container_said_last_is_in_its_status_where_its_policy_asks_for_it(
    run_pod: RunPod, main_status: ReadPod, policy: str
) -> None:
    lines = "; ".join(f"echo line {number}" for number in range(100))
    script = f"{lines}; echo the disk is full >&2; exit 3"
    run_pod({"command": ["sh", "-c", script], "terminationMessagePolicy": policy})
    ended = eventually(lambda: main_status()["lastState"]["terminated"])
    said = ended.get("message", "").splitlines()
    expected = [f"line {number}" for number in range(21, 100)] + ["the disk is full"]
    assert said == (expected if policy == "FallbackToLogsOnError" else [])


def test_a_program_that_does_not_exist_is_a_start_error(
    run_pod: RunPod, main_status: ReadPod
) -> None:
    run_pod({"command": ["no-such-program"]})
    ended = eventually(lambda: main_status()["lastState"]["terminated"])
    assert ended["reason"] == "StartError"
    assert "no-such-program" in ended["message"]


def test_a_container_whose_process_is_killed_is_restarted(
    cluster: Cluster,
    namespace: str,
    run_pod: RunPod,
    main_status: ReadPod,
    output: Callable[..., str],
) -> None:
    run_pod(PRINT_PID_AND_SLEEP)
    pid = eventually(lambda: int(output()))
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: main_status()["restartCount"] == 1 and "running" in main_status()["state"])
    assert main_status()["lastState"]["terminated"]["exitCode"] == 137
    assert int(output()) != pid
    previous = cluster.nodes.pod_log(namespace, "pod", "main.previous")
    assert int(previous.read_text()) == pid


def test_what_a_container_has_started_dies_with_its_first_process(
    run_pod: RunPod, output: Callable[..., str], is_alive: IsAlive
) -> None:
    run_pod(
        {"command": ["sh", "-c", "sleep 600 & echo $!; exit 0"]},
        restartPolicy="Never",
    )
    child = eventually(lambda: int(output()))
    eventually(lambda: not is_alive(child))


@pytest.mark.parametrize(("code", "phase"), [(0, "Succeeded"), (4, "Failed")])
def test_a_pod_that_never_restarts_ends_in_the_phase_of_its_exit_code(
    run_pod: RunPod, read_pod: ReadPod, code: int, phase: str
) -> None:
    run_pod({"command": ["sh", "-c", f"exit {code}"]}, restartPolicy="Never")
    eventually(lambda: read_pod()["status"]["phase"] == phase)


def test_a_failed_liveness_probe_restarts_the_container(
    run_pod: RunPod,
    main_status: ReadPod,
    event_reasons: Callable[..., set[str]],
    tmp_path: Path,
) -> None:
    # A busy machine may take its time to start even `test`; that is no illness.
    well = {
        "exec": {"command": ["test", "!", "-e", "/signals/sick"]},
        "periodSeconds": 1,
        "timeoutSeconds": 30,
    }
    run_pod(
        {
            # The next life is a healthy one, and asked for its health only once it has begun.
            "command": ["sh", "-c", "rm -f /signals/sick; touch /signals/begun; exec sleep 600"],
            "startupProbe": {**well, "failureThreshold": 60},
            "livenessProbe": {**well, "failureThreshold": 1},
            "volumeMounts": [{"name": "signals", "mountPath": "/signals"}],
        },
        volumes=[{"name": "signals", "hostPath": {"path": str(tmp_path)}}],
    )
    # A container may be ready before its shell has done anything.
    eventually(lambda: (tmp_path / "begun").exists() and main_status()["ready"])
    (tmp_path / "sick").touch()
    eventually(lambda: main_status()["restartCount"] == 1 and main_status()["ready"])
    assert main_status()["lastState"]["terminated"]["exitCode"] == 143
    eventually(lambda: event_reasons() >= {"Unhealthy", "Killing"})


def test_a_deleted_pod_runs_prestop_then_gets_sigterm_and_is_gone(
    cluster: Cluster,
    namespace: str,
    run_pod: RunPod,
    read_pod: ReadPod,
    tmp_path: Path,
    is_alive: IsAlive,
) -> None:
    script = (
        "trap 'echo sigterm >> /report/ends; exit 0' TERM; "
        f"echo {PID} > /report/pid; while true; do sleep 0.05; done"
    )
    run_pod(
        {
            "command": ["sh", "-c", script],
            "lifecycle": {
                "preStop": {"exec": {"command": ["sh", "-c", "echo prestop >> /report/ends"]}}
            },
            "volumeMounts": [
                {"name": "report", "mountPath": "/report"},
                {"name": "scratch", "mountPath": "/scratch"},
            ],
        },
        terminationGracePeriodSeconds=60,
        volumes=[
            {"name": "report", "hostPath": {"path": str(tmp_path)}},
            {"name": "scratch", "emptyDir": {}},
        ],
    )
    pid = eventually(lambda: int((tmp_path / "pid").read_text()))
    delete(cluster, namespace)
    eventually(lambda: is_gone(read_pod))
    assert (tmp_path / "ends").read_text() == "prestop\nsigterm\n"
    assert not is_alive(pid)
    volumes = cluster.nodes.pod_log(namespace, "pod", "main").parent / "volumes"
    eventually(lambda: not volumes.exists())


def test_a_container_deaf_to_sigterm_is_killed_when_its_grace_period_is_over(
    cluster: Cluster,
    namespace: str,
    run_pod: RunPod,
    read_pod: ReadPod,
    output: Callable[..., str],
    is_alive: IsAlive,
) -> None:
    script = f"trap '' TERM; echo {PID}; while true; do sleep 0.05; done"
    run_pod({"command": ["sh", "-c", script]}, terminationGracePeriodSeconds=1)
    pid = eventually(lambda: int(output()))
    delete(cluster, namespace)
    eventually(lambda: is_gone(read_pod))
    assert not is_alive(pid)


def test_a_second_deletion_with_less_grace_cuts_a_long_prestop_short(
    cluster: Cluster,
    namespace: str,
    run_pod: RunPod,
    read_pod: ReadPod,
    main_status: ReadPod,
) -> None:
    hook = {"preStop": {"sleep": {"seconds": 500}}}
    run_pod({**PRINT_PID_AND_SLEEP, "lifecycle": hook}, terminationGracePeriodSeconds=600)
    eventually(lambda: main_status()["ready"])
    delete(cluster, namespace)
    eventually(lambda: "deletionTimestamp" in read_pod()["metadata"])
    assert "running" in main_status()["state"]
    delete(cluster, namespace, "--grace-period=1")
    eventually(lambda: is_gone(read_pod))


def test_a_pod_forced_out_of_the_api_loses_its_processes(
    cluster: Cluster, namespace: str, run_pod: RunPod, output: Callable[..., str], is_alive: IsAlive
) -> None:
    run_pod(PRINT_PID_AND_SLEEP, terminationGracePeriodSeconds=600)
    pid = eventually(lambda: int(output()))
    delete(cluster, namespace, "--grace-period=0", "--force")
    eventually(lambda: not is_alive(pid))
