"""A worker's pod in the model: what the API server has of it, and the requests it really holds."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pd_operator.api.names import ANNOTATION_DELETION_COST, LABEL_ROLE

STORED = ["scheduled", "running", "started", "ready", "terminating", "labels", "annotations"]

Object = dict[str, Any]


@dataclass
class Pod:
    """A worker: what the API server has of it, and the requests that it really holds."""

    name: str
    revision: int
    created: float
    scheduled: bool = False
    running: bool = False
    started: bool = False
    ready: bool = False
    unready_at: float = 0.0
    terminating: bool = False
    requests: int = 0
    in_pass: bool = False
    told: tuple[float, int] = (0.0, 0)
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)

    def number(self, annotation: str) -> float | None:
        text = self.annotations.get(annotation)
        return None if text is None else float(text)

    @property
    def order(self) -> tuple[bool, bool, bool, int]:
        """As Kubernetes' `ActivePodsWithRanks` has it; the lowest goes first."""
        cost = int(self.annotations.get(ANNOTATION_DELETION_COST, 0))
        return self.scheduled, self.running, self.ready, cost

    @property
    def version(self) -> str:
        """Changes with all that the API server has of it."""
        return str({name: value for name, value in vars(self).items() if name in STORED})

    def manifest(self) -> Object:
        metadata: Object = {
            "name": self.name,
            "resourceVersion": self.version,
            "creationTimestamp": stamp(self.created),
            "labels": {LABEL_ROLE: "decode"} | self.labels,
            "annotations": self.annotations,
        }
        if self.terminating:
            metadata["deletionTimestamp"] = stamp(self.created)
        conditions = {"PodScheduled": self.scheduled, "Ready": self.ready}
        return {
            "metadata": metadata,
            "spec": {"containers": []},
            "status": {
                "phase": "Running" if self.running else "Pending",
                "conditions": [
                    {
                        "type": kind,
                        "status": str(holds),
                        "lastTransitionTime": stamp(self.unready_at or self.created),
                    }
                    for kind, holds in conditions.items()
                ],
                "containerStatuses": [{"name": "engine", "started": self.started}],
            },
        }


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
