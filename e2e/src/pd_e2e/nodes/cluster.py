"""A control plane with nodes."""

from dataclasses import dataclass

from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.nodes.agent_process import AgentProcess


@dataclass(frozen=True)
class Cluster:
    """What pods can run on."""

    control_plane: ControlPlane
    nodes: AgentProcess
