"""The real thing on loopback: API server, nodes, Prometheus and the operator from its chart."""

import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.operator.installed import InstalledOperator
from tests.integration.operator.service import RunningService, manifest

from pd_e2e.cluster.binaries import ensure_programs
from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.prometheus import Prometheus
from pd_e2e.nodes.agent_process import AgentOptions, AgentProcess
from pd_e2e.nodes.catalog import repository_images
from pd_e2e.nodes.cluster import Cluster


@dataclass(frozen=True)
class Stage:
    """A cluster with the operator in it; `folder` is for what a run writes."""

    control_plane: ControlPlane
    prometheus: Prometheus
    operator: InstalledOperator
    folder: Path

    @contextmanager
    def service(self, **changes: Mapping[str, Any]) -> Iterator[RunningService]:
        """A service with its fewest workers, in a namespace of its own. `changes` to its spec."""
        namespace = f"chat-{uuid.uuid4().hex[:8]}"
        self.control_plane.kubectl("create", "namespace", namespace)
        service = RunningService(self.control_plane, namespace)
        service.apply(manifest(self.prometheus.url, **changes))
        service.await_fewest_workers()
        yield service
        self.control_plane.kubectl("delete", "namespace", namespace, "--wait=false")


@contextmanager
def stage() -> Iterator[Stage]:
    """Build what is missing, start everything, and stop it at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pd-operator-bench-")))
        programs = ensure_programs()
        control_plane = stack.enter_context(ControlPlane(programs, folder / "control-plane"))
        options = AgentOptions(nodes=3, gpus=8, heartbeat_seconds=2, backoff_seconds=1)
        nodes = stack.enter_context(
            AgentProcess(control_plane, folder / "nodes", repository_images(), options)
        )
        prometheus = stack.enter_context(
            Prometheus(
                programs,
                folder / "prometheus",
                control_plane.kubeconfig,
                scrape_interval_seconds=1,
            )
        )
        operator = InstalledOperator(Cluster(control_plane, nodes))
        operator.install()
        yield Stage(control_plane, prometheus, operator, folder)
