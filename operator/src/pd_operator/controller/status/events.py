"""What changed, told once: an Event and a line in the log, both with the decision behind it."""

import logging
import socket
from datetime import UTC, datetime
from enum import StrEnum
from uuid import uuid4

from pd_operator.actuation.cluster import Cluster, ClusterError
from pd_operator.actuation.kinds import EVENT
from pd_operator.api.names import ANNOTATION_DECISION, API_VERSION, KIND
from pd_operator.api.v1alpha1 import Metadata

LONGEST_MESSAGE = 1024

log = logging.getLogger(__name__)


class EventReason(StrEnum):
    """Every reason under which an Event is posted."""

    SCALED_UP = "ScaledUp"
    SCALING_DOWN = "ScalingDown"
    SCALED_DOWN = "ScaledDown"
    SCALE_DOWN_TAKEN_BACK = "ScaleDownTakenBack"
    SCALE_DOWN_WAITS = "ScaleDownWaits"
    ADVICE_CHANGED = "AdviceChanged"
    DRAIN_OVERDUE = "DrainOverdue"
    OTHER_WORKER_REMOVED = "OtherWorkerRemoved"
    SWITCHING_ROLE = "SwitchingRole"
    ROLE_SWITCHED = "RoleSwitched"
    ROLE_KEPT = "RoleKept"
    ROLE_CORRECTED = "RoleCorrected"
    ROLE_LOST = "RoleLost"
    REPLICAS_CHANGED_ELSEWHERE = "ReplicasChangedElsewhere"
    CHILDREN_APPLIED = "ChildrenApplied"
    PARALLELISM_CHOSEN = "ParallelismChosen"
    MANAGED_ELSEWHERE = "ManagedElsewhere"


class EventRecorder:
    """Posts Events about one resource, and logs each. A lost Event is logged, never an error.

    `decision_id` is that of the decision which this tick carries out, None before there is one.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.decision_id: str | None = None
        self._cluster = cluster
        self._instance = socket.gethostname()

    async def post(
        self, about: Metadata, reason: str, message: str, *, warning: bool = False
    ) -> None:
        """Post one Event about the service with this metadata.

        `reason` is an `EventReason`, or the reason of a condition that changed.
        """
        self.note(about, reason, message)
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{about.name}.{uuid4().hex[:16]}",
                "annotations": self._decided(ANNOTATION_DECISION),
            },
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "namespace": about.namespace,
                "name": about.name,
                "uid": about.uid,
            },
            "type": "Warning" if warning else "Normal",
            "reason": str(reason),
            "message": message[:LONGEST_MESSAGE],
            "action": str(reason),
            "eventTime": now,
            "firstTimestamp": f"{now[:19]}Z",
            "lastTimestamp": f"{now[:19]}Z",
            "count": 1,
            "reportingComponent": "pd-operator",
            "reportingInstance": self._instance,
            "source": {"component": "pd-operator"},
        }
        try:
            await self._cluster.create(EVENT, about.namespace, body)
        except ClusterError as error:
            log.info("could not post Event %s about %s: %s", reason, about.name, error)

    def note(self, about: Metadata, reason: str, message: str) -> None:
        """Log a change; by itself one that Events would tell of too often."""
        fields = {"namespace": about.namespace, "service": about.name, "reason": str(reason)}
        log.info("%s", message, extra={"fields": fields | self._decided("decision")})

    def _decided(self, name: str) -> dict[str, str]:
        return {} if self.decision_id is None else {name: self.decision_id}
