"""Nodes and pods that exist in the API alone, for fleets larger than a machine: kwok."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pd_e2e.cluster.binaries import Programs
from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.daemon import Daemon
from pd_e2e.cluster.families import Program
from pd_e2e.cluster.lifeline import Lifeline
from pd_e2e.cluster.ports import LOOPBACK
from pd_e2e.cluster.waiting import eventually

STAGES = Path(__file__).resolve().parents[3] / "kwok" / "stages.yaml"
MAXIMUM_PODS = 110
"""Of a node, as a kubelet has it by default."""


@dataclass(frozen=True)
class KwokNode:
    """A node: its name, its labels, its GPUs, and the range that its pods have addresses from."""

    name: str
    pod_cidr: str
    gpus: int = 0
    labels: Mapping[str, str] | None = None

    def manifest(self) -> dict[str, Any]:
        """The Node as it is written to the API."""
        room = {
            "cpu": "1k",
            "memory": "10Ti",
            "pods": str(MAXIMUM_PODS),
            "nvidia.com/gpu": str(self.gpus),
        }
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": self.name, "labels": dict(self.labels or {})},
            "spec": {"podCIDR": self.pod_cidr, "podCIDRs": [self.pod_cidr]},
            "status": {"allocatable": room, "capacity": room},
        }


class Kwok:
    """kwok over all nodes of a control plane: entering makes the nodes, and plays their pods.

    A pod is Ready as soon as it has a node. No process runs in it: whatever is to answer at its
    address has to be started by others.
    """

    def __init__(
        self, programs: Programs, control_plane: ControlPlane, nodes: Sequence[KwokNode]
    ) -> None:
        self._program = programs[Program.KWOK]
        self._control_plane = control_plane
        self._nodes = tuple(nodes)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            lifeline = stack.enter_context(Lifeline())
            daemon = Daemon(self._command(), self._control_plane.directory / "kwok.log", lifeline)
            stack.callback(daemon.stop)
            daemon.start()
            items = [node.manifest() for node in self._nodes]
            listed = {"apiVersion": "v1", "kind": "List", "items": items}
            self._control_plane.kubectl("create", "--filename=-", input_text=json.dumps(listed))
            eventually(lambda: self._ready(daemon), timeout_seconds=60)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _command(self) -> list[str | Path]:
        return [
            self._program,
            f"--kubeconfig={self._control_plane.kubeconfig}",
            f"--config={STAGES}",
            "--manage-all-nodes=true",
            f"--node-ip={LOOPBACK}",
            "--node-lease-duration-seconds=40",
        ]

    def _ready(self, daemon: Daemon) -> bool:
        daemon.check_alive()
        listed = json.loads(self._control_plane.kubectl("get", "nodes", "--output=json"))
        return all(_is_ready(node) for node in listed["items"])


def _is_ready(node: Mapping[str, Any]) -> bool:
    conditions = node.get("status", {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
