"""A node agent as a process of its own, as a context manager."""

import json
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.daemon import Daemon
from pd_e2e.cluster.lifeline import Lifeline
from pd_e2e.cluster.waiting import eventually
from pd_e2e.nodes.api import Json
from pd_e2e.nodes.node import is_ready


@dataclass(frozen=True)
class AgentOptions:
    """Options of `python -m pd_e2e.nodes`."""

    nodes: int = 1
    name_prefix: str = "node"
    gpus: int = 8
    heartbeat_seconds: float = 10.0
    backoff_seconds: float = 10.0

    def arguments(self) -> list[str]:
        """Return them as a command line."""
        return [
            f"--nodes={self.nodes}",
            f"--name-prefix={self.name_prefix}",
            f"--gpus={self.gpus}",
            f"--heartbeat-seconds={self.heartbeat_seconds}",
            f"--backoff-seconds={self.backoff_seconds}",
        ]

    @property
    def node_names(self) -> list[str]:
        """The nodes that the agent serves."""
        return [f"{self.name_prefix}-{number}" for number in range(self.nodes)]


class AgentProcess:
    """Nodes of a control plane, served by one agent process.

    Entering returns when the nodes are Ready; leaving ends the agent and all that its pods run.
    `kill` and `start` between make the nodes fail and come back.
    """

    def __init__(
        self,
        control_plane: ControlPlane,
        directory: Path,
        images: Mapping[str, Mapping[str, Any]],
        options: AgentOptions | None = None,
    ) -> None:
        """Prepare, without starting anything.

        `directory` takes volumes and logs of the pods, and the agent's own log, `agent.log`.
        `images` is the catalog: name to `path`, `entrypoint` and `env` (see `images.py`).
        """
        self.directory = directory.resolve()
        self.options = options or AgentOptions()
        self._control_plane = control_plane
        self._images = dict(images)

    def pod_log(self, namespace: str, pod: str, container: str) -> Path:
        """Where a container's output is."""
        return self.directory / f"{namespace}_{pod}" / f"{container}.log"

    def start(self) -> None:
        """Start the agent, and wait until its nodes are Ready."""
        self._daemon.start()
        eventually(self._nodes_ready, timeout_seconds=60)

    def stop(self) -> None:
        """End the agent in order; to the cluster its nodes are lost."""
        self._daemon.stop()

    def kill(self) -> None:
        """Kill the agent, as a machine's crash does: its pods' processes die with it."""
        self._daemon.kill()

    def paused(self) -> AbstractContextManager[None]:
        """The agent hangs for the length of a block; what its pods run goes on."""
        return self._daemon.paused()

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        images = self.directory / "images.json"
        images.write_text(json.dumps(self._images, indent=2))
        command = [
            sys.executable,
            "-m",
            "pd_e2e.nodes",
            f"--kubeconfig={self._control_plane.kubeconfig}",
            f"--images={images}",
            f"--root={self.directory}",
            f"--certificate={self._control_plane.layout.certificate_authority}",
            f"--key={self._control_plane.layout.certificate_key}",
            *self.options.arguments(),
        ]
        self._lifeline = Lifeline()
        self._daemon = Daemon(command, self.directory / "agent.log", self._lifeline)
        try:
            self.start()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    def _close(self) -> None:
        try:
            self._daemon.stop()
        finally:
            self._lifeline.close()

    def _nodes_ready(self) -> bool:
        self._daemon.check_alive()
        listing = json.loads(self._control_plane.kubectl("get", "nodes", "--output=json"))
        usable = {node["metadata"]["name"] for node in listing["items"] if _is_usable(node)}
        return usable >= set(self.options.node_names)


def _is_usable(node: Json) -> bool:
    """Whether the scheduler would bind pods to it: Ready, and no taint left from before."""
    return is_ready(node) and not node["spec"].get("taints")
