"""The real thing on loopback: a control plane, two machines, Prometheus and two operators."""

import random
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.chaos.loads import Client, clients
from scripts.chaos.world import World
from tests.integration.operator.installed import InstalledOperator
from tests.integration.operator.service import NAME, RunningService, manifest, merged, template

from pd_e2e.cluster.binaries import ensure_programs
from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.progress import PlainProgress
from pd_e2e.cluster.prometheus import Prometheus
from pd_e2e.cluster.waiting import eventually
from pd_e2e.nodes.agent_process import AgentOptions, AgentProcess
from pd_e2e.nodes.catalog import repository_images
from pd_e2e.nodes.cluster import Cluster
from pd_operator.api.names import LABEL_COMPONENT, LABEL_SERVICE
from pd_operator.api.roles import Role

WANTED = {Role.PREFILL.value: 2, Role.DECODE.value: 2}
"""The load calls for two prefills, and nothing else keeps the second one."""

MAIN, EDGE, HOST = "main", "edge", "kubernetes.io/hostname"


@dataclass(frozen=True)
class Stage:
    """A service under load, and what it stands on. `folder` is for what a run writes."""

    world: World
    clients: list[Client]
    folder: Path


@contextmanager
def stage(seed: int, node_grace_seconds: int, load_seconds: float) -> Iterator[Stage]:
    """Build what is missing, start everything, and stop it at the end, also after Ctrl-C."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pd-operator-chaos-")))
        progress = PlainProgress()
        programs = ensure_programs(progress=progress)
        control_plane = stack.enter_context(
            ControlPlane(
                programs,
                folder / "control-plane",
                node_grace_seconds=node_grace_seconds,
                progress=progress,
            )
        )
        main, edge = (stack.enter_context(_machine(control_plane, folder, n)) for n in (MAIN, EDGE))
        prometheus = stack.enter_context(
            Prometheus(
                programs,
                folder / "prometheus",
                control_plane.kubeconfig,
                scrape_interval_seconds=1,
                progress=progress,
            )
        )
        operator = InstalledOperator(Cluster(control_plane, main))
        operator.install(f"nodeSelector.{HOST.replace('.', chr(92) + '.')}={MAIN}-0")
        operator.stand_by(2)
        chat = RunningService(control_plane, "default")
        chat.apply(manifest(prometheus.url, **_changes()))
        chat.await_fewest_workers()
        world = World(
            control_plane,
            prometheus,
            main,
            edge,
            operator,
            chat,
            random.Random(seed),  # noqa: S311  chooses victims
        )
        running = stack.enter_context(clients(world.router_urls(), folder, load_seconds))
        eventually(lambda: len(chat.ready_pods(Role.PREFILL)) == WANTED[Role.PREFILL.value])
        yield Stage(world, running, folder)


def _machine(control_plane: ControlPlane, folder: Path, name: str) -> AgentProcess:
    options = AgentOptions(name_prefix=name, gpus=4, heartbeat_seconds=2, backoff_seconds=1)
    return AgentProcess(control_plane, folder / name, repository_images(), options)


def _changes() -> Mapping[str, Any]:
    return {
        "prefill": {"maxReplicas": 2, "template": _spread(Role.PREFILL)},
        "decode": {"minReplicas": 2, "maxReplicas": 2, "template": _spread(Role.DECODE)},
        "router": {"replicas": 2, "template": {"spec": {"nodeSelector": {HOST: f"{MAIN}-0"}}}},
    }


def _spread(role: Role) -> dict[str, Any]:
    """A pool's workers on both machines."""
    labels = {LABEL_SERVICE: NAME, LABEL_COMPONENT: role.value}
    constraint = {
        "maxSkew": 1,
        "topologyKey": HOST,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": labels},
    }
    return merged(template(), {"spec": {"topologySpreadConstraints": [constraint]}})
