"""Agents and API servers go away and come back."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pd_e2e.cluster.binaries import Programs
from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.waiting import eventually
from pd_e2e.nodes.agent_process import AgentOptions, AgentProcess
from pd_e2e.nodes.catalog import repository_images

pytestmark = pytest.mark.controlplane

Json = dict[str, Any]

SPARE = AgentOptions(name_prefix="spare", gpus=0, heartbeat_seconds=2, backoff_seconds=1)
"""Its only node takes no part in other tests: pods must name it."""


@contextmanager
def spare_node(control_plane: ControlPlane, directory: Path) -> Iterator[AgentProcess]:
    with AgentProcess(control_plane, directory, repository_images(), SPARE) as agent:
        yield agent
    control_plane.kubectl("delete", "node", "spare-0")


def run_on_spare(control_plane: ControlPlane, namespace: str) -> None:
    container = {
        "name": "main",
        "image": "python",
        "command": ["sh", "-c", "echo $$$$; exec sleep 600"],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pod", "namespace": namespace},
        "spec": {"nodeName": "spare-0", "containers": [container]},
    }
    control_plane.kubectl("create", "--filename=-", input_text=json.dumps(pod))


def read(control_plane: ControlPlane, kind: str, name: str, namespace: str = "default") -> Json:
    arguments = ("get", kind, name, f"--namespace={namespace}", "--output=json")
    found: Json = json.loads(control_plane.kubectl(*arguments))
    return found


def ready(resource: Json) -> str:
    conditions = resource["status"].get("conditions", ())
    return next((str(c["status"]) for c in conditions if c["type"] == "Ready"), "")


def test_a_killed_agent_is_a_lost_node_until_it_comes_back(
    control_plane: ControlPlane, namespace: str, tmp_path: Path, is_alive: Callable[[int], bool]
) -> None:
    with spare_node(control_plane, tmp_path) as agent:
        run_on_spare(control_plane, namespace)
        eventually(lambda: ready(read(control_plane, "pod", "pod", namespace)) == "True")
        pid = int(agent.pod_log(namespace, "pod", "main").read_text())

        agent.kill()
        eventually(lambda: not is_alive(pid))
        eventually(lambda: ready(read(control_plane, "node", "spare-0")) == "Unknown")
        eventually(lambda: ready(read(control_plane, "pod", "pod", namespace)) == "False")

        agent.start()
        eventually(lambda: ready(read(control_plane, "pod", "pod", namespace)) == "True")
        (status,) = read(control_plane, "pod", "pod", namespace)["status"]["containerStatuses"]
        assert status["restartCount"] == 1
        assert status["lastState"]["terminated"]["reason"] == "ContainerStatusUnknown"
        pid = int(agent.pod_log(namespace, "pod", "main").read_text())
        assert is_alive(pid)

        agent.stop()
        eventually(lambda: not is_alive(pid))


def test_an_outage_of_the_apiserver_leaves_containers_running_and_restarting(
    binaries: Programs, tmp_path: Path, is_alive: Callable[[int], bool]
) -> None:
    with (
        ControlPlane(binaries, tmp_path / "control-plane", node_grace_seconds=4) as control_plane,
        AgentProcess(control_plane, tmp_path / "nodes", repository_images(), SPARE) as agent,
    ):
        log = agent.pod_log("default", "pod", "main")
        run_on_spare(control_plane, "default")
        eventually(lambda: ready(read(control_plane, "pod", "pod")) == "True")
        before = int(log.read_text())

        control_plane.stop_apiserver()
        os.kill(before, signal.SIGKILL)
        restarted = eventually(
            lambda: int(log.read_text()) not in (0, before) and int(log.read_text())
        )
        # Lists and watches have failed by now, and were tried again.
        eventually(lambda: (tmp_path / "nodes" / "agent.log").read_text().count("lost") >= 3)
        assert is_alive(restarted)

        control_plane.start_apiserver()
        eventually(
            lambda: (
                read(control_plane, "pod", "pod")["status"]["containerStatuses"][0]["restartCount"]
                == 1
            )
        )
        eventually(lambda: ready(read(control_plane, "pod", "pod")) == "True")
        eventually(lambda: ready(read(control_plane, "node", "spare-0")) == "True")
        assert int(log.read_text()) == restarted
        assert is_alive(restarted)
