"""The sidecar as a process, against a real API server and under its own rights."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pd_e2e.cluster.binaries import Programs
from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.waiting import eventually
from pd_operator.api.names import LABEL_ROLE, LABEL_SERVICE, LABEL_TRAFFIC

pytestmark = pytest.mark.controlplane


class Sidecar:
    """One run of the sidecar, with its log."""

    def __init__(self, kubeconfig: Path, namespace: str, table: Path) -> None:
        self.table = table
        self.log = table.with_suffix(".log")
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "pd_operator.cli.operator", "worker-table"),
                    *("--service", "chat", "--namespace", namespace, "--output", str(table)),
                ],
                env=os.environ | {"KUBECONFIG": str(kubeconfig)},
                stdout=output,
                stderr=output,
            )

    def workers(self) -> dict[str, str]:
        """Role by address, as the file has it now."""
        entries = json.loads(self.table.read_text())["workers"]
        return {entry["url"]: entry["worker_type"] for entry in entries}

    def said(self) -> list[str]:
        """The messages of all its lines, each of which is a JSON object."""
        return [json.loads(line)["message"] for line in self.log.read_text().splitlines()]

    def complaints(self) -> int:
        return sum("the last table stays in force" in message for message in self.said())

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


@contextmanager
def sidecar(kubeconfig: Path, namespace: str, table: Path) -> Iterator[Sidecar]:
    running = Sidecar(kubeconfig, namespace, table)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()


def url(address: str) -> str:
    return f"http://{address}:30000"


class Pods:
    """Worker pods whose status the test writes, as a kubelet would."""

    def __init__(self, cluster: ControlPlane, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace

    def create(self, name: str, role: str, address: str, service: str = "chat") -> None:
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {LABEL_SERVICE: service, LABEL_ROLE: role}},
            "spec": {"containers": [{"name": "engine", "image": "engine"}]},
        }
        self._kubectl("create", "--filename=-", input_text=json.dumps(pod))
        self.say(name, address, "True")

    def say(self, name: str, address: str, ready: str, containers_ready: str = "") -> None:
        says = {"Ready": ready, "ContainersReady": containers_ready or ready}
        conditions = [{"type": kind, "status": status} for kind, status in says.items()]
        addresses = [{"ip": address}]
        status = {"phase": "Running", "podIP": address, "podIPs": addresses}
        patch: dict[str, Any] = {"status": status | {"conditions": conditions}}
        self._kubectl("patch", "pod", name, "--subresource=status", f"--patch={json.dumps(patch)}")

    def label(self, name: str, *changes: str) -> None:
        self._kubectl("label", "--overwrite", "pod", name, *changes)

    def delete(self, name: str) -> None:
        self._kubectl("delete", "pod", name, "--grace-period=0", "--force")

    def _kubectl(self, *arguments: str, input_text: str | None = None) -> None:
        namespace = f"--namespace={self._namespace}"
        self._cluster.kubectl(namespace, *arguments, input_text=input_text)


def router_rights(cluster: ControlPlane, namespace: str) -> Path:
    """A kubeconfig with the rights that the router's service account has, and no other."""
    at = f"--namespace={namespace}"
    cluster.kubectl(at, "create", "role", "router", "--verb=get,list,watch", "--resource=pods")
    cluster.kubectl(
        at,
        "create",
        "rolebinding",
        "router",
        "--role=router",
        f"--serviceaccount={namespace}:default",
    )
    return cluster.kubeconfig_for(namespace, "default")


def test_the_table_follows_labels_and_readiness(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    pods = Pods(control_plane, namespace)
    pods.create("p1", "prefill", "127.9.0.1")
    pods.create("foreign", "prefill", "127.9.0.9", service="other")
    kubeconfig = router_rights(control_plane, namespace)
    with sidecar(kubeconfig, namespace, tmp_path / "workers.json") as running:
        eventually(lambda: running.workers() == {url("127.9.0.1"): "prefill"})

        pods.create("d1", "decode", "127.9.0.2")
        pods.create("d2", "decode", "127.9.0.3")
        both = {url("127.9.0.2"): "decode", url("127.9.0.3"): "decode"}
        eventually(lambda: running.workers() == {url("127.9.0.1"): "prefill"} | both)

        pods.label("d1", f"{LABEL_TRAFFIC}=off")
        eventually(lambda: url("127.9.0.2") not in running.workers())
        pods.label("d1", f"{LABEL_TRAFFIC}-")
        eventually(lambda: url("127.9.0.2") in running.workers())

        pods.say("d1", "127.9.0.2", ready="False")
        eventually(lambda: url("127.9.0.2") not in running.workers())

        pods.label("d2", f"{LABEL_ROLE}=prefill")
        eventually(lambda: running.workers()[url("127.9.0.3")] == "prefill")

        pods.label("p1", f"{LABEL_SERVICE}=other")
        eventually(lambda: url("127.9.0.1") not in running.workers())
        pods.delete("d2")
        eventually(lambda: running.workers() == {})

        assert running.complaints() == 0
        assert running.terminate() == 0


def test_nodes_that_are_marked_silent_for_a_moment_change_nothing(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    pods = Pods(control_plane, namespace)
    addresses = {"p1": "127.9.0.1", "p2": "127.9.0.2"}
    for name, address in addresses.items():
        pods.create(name, "prefill", address)
    kubeconfig = router_rights(control_plane, namespace)
    with sidecar(kubeconfig, namespace, tmp_path / "workers.json") as running:
        eventually(lambda: len(running.workers()) == 2)
        tables = sum("in force" in message for message in running.said())
        for name, address in addresses.items():
            pods.say(name, address, ready="False", containers_ready="True")
        for name, address in addresses.items():
            pods.say(name, address, ready="True")
        # What comes after is seen after: the two were in the table all along.
        pods.create("d1", "decode", "127.9.0.3")
        eventually(lambda: len(running.workers()) == 3)
        assert sum("in force" in message for message in running.said()) == tables + 1


def test_a_sidecar_without_rights_says_so_and_touches_nothing(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    table = tmp_path / "workers.json"
    table.write_text("the last good table")
    kubeconfig = control_plane.kubeconfig_for(namespace, "default")
    with sidecar(kubeconfig, namespace, table) as running:
        eventually(lambda: running.complaints() >= 2)
        assert "must allow get, list and watch of pods" in running.log.read_text()
        assert table.read_text() == "the last good table"
        assert running.terminate() == 0


def test_an_outage_of_the_api_server_changes_nothing_and_ends_by_itself(
    binaries: Programs, tmp_path: Path
) -> None:
    table = tmp_path / "workers.json"
    with ControlPlane(binaries, tmp_path / "control-plane") as own:
        pods = Pods(own, "default")
        pods.create("p1", "prefill", "127.9.0.1")
        pods.create("d1", "decode", "127.9.0.2")
        kubeconfig = router_rights(own, "default")
        with sidecar(kubeconfig, "default", table) as running:
            eventually(lambda: len(running.workers()) == 2)
            before = table.read_bytes()
            own.stop_apiserver()
            eventually(lambda: running.complaints() >= 3)
            assert table.read_bytes() == before
            assert running.terminate() == 0

        # A sidecar that starts in the middle of the outage keeps what its predecessor left.
        with sidecar(kubeconfig, "default", table) as running:
            eventually(lambda: running.complaints() >= 3)
            assert table.read_bytes() == before
            own.start_apiserver()
            pods.label("d1", f"{LABEL_TRAFFIC}=off")
            eventually(lambda: running.workers() == {url("127.9.0.1"): "prefill"})


def test_a_table_that_cannot_be_written_ends_the_sidecar(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    kubeconfig = router_rights(control_plane, namespace)
    (tmp_path / ".workers.json.new").mkdir()
    with sidecar(kubeconfig, namespace, tmp_path / "workers.json") as running:
        assert running.process.wait(timeout=60) == 1
        assert "cannot write" in running.log.read_text()
