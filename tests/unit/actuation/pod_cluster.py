"""An API server of pods alone, which refuses what was decided on an older version of one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from pd_operator.actuation.cluster import ChangedMeanwhileError, Cluster
from pd_operator.actuation.pool_writer import PoolWriter
from pd_operator.api.names import GROUP, ServiceKey

KEY = ServiceKey("team", "chat")


@dataclass
class PodCluster:
    """Pods by name; one that nobody wrote to has version 0.

    `label` is the term of leading. `marks` are the annotations of each write, by their short names.
    """

    label: str = ""
    versions: dict[str, int] = field(default_factory=dict)
    labels: dict[str, dict[str, str | None]] = field(default_factory=dict)
    marks: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    scaled: list[int] = field(default_factory=list)
    write_seconds: float = 10.0

    @property
    def fence(self) -> "PodCluster":
        return self

    @contextmanager
    def writing(self) -> Iterator[None]:
        yield

    def writer(self) -> PoolWriter:
        return PoolWriter(KEY, cast("Cluster", self))

    async def mark(
        self, _kind: object, _namespace: str, name: str, *, version: str, **changes: Any
    ) -> str:
        now = self.versions.get(name, 0)
        if version != str(now):
            raise ChangedMeanwhileError(409, "the object has been modified")
        self.versions[name] = now + 1
        self.labels.setdefault(name, {}).update(changes.get("labels") or {})
        written = changes.get("annotations") or {}
        self.marks.append((name, {key.removeprefix(f"{GROUP}/"): written[key] for key in written}))
        return str(now + 1)

    async def scale(
        self, _kind: object, _namespace: str, _name: str, replicas: int, **_: Any
    ) -> None:
        self.scaled.append(replicas)

    async def create(self, _kind: object, _namespace: str, body: dict[str, Any]) -> None:
        self.events.append(body["reason"])
