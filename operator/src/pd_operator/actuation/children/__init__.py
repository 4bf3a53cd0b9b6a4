"""The objects that make up a service, as pure functions of the resource.

Every manifest is complete for server-side apply with our field manager: what it leaves out is
somebody else's, above all the replicas of the pools, which belong to `/scale`. Nothing here ever
reads or writes a cluster.
"""

from pd_operator.actuation.children.build import build_children
from pd_operator.actuation.children.metadata import Manifest
from pd_operator.actuation.children.monitoring import build_pod_monitor

__all__ = ["Manifest", "build_children", "build_pod_monitor"]
