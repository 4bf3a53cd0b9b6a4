"""What a service's loop talks to, in memory: for tests of the loop's own steps alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from pd_operator.actuation.children import build_children
from pd_operator.actuation.cluster import ChangedMeanwhileError, Cluster, ClusterError
from pd_operator.actuation.fence import Fence, Unfenced
from pd_operator.actuation.kinds import Kind
from pd_operator.actuation.role_switch import SwitchAnswer, SwitchResult
from pd_operator.actuation.workload import Workload
from pd_operator.api.autoscaling import ForecastSpec
from pd_operator.api.names import ANNOTATION_DECISION, ServiceKey
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.controller.registry import Registry
from pd_operator.controller.service_loop import LoopDependencies, ServiceLoop
from pd_operator.controller.status.metrics import OperatorMetrics
from pd_operator.controller.tick.fit_pool import FitPool
from pd_operator.controller.tick.history_reader import HistorySource
from pd_operator.controller.tick.observer import Observer
from pd_operator.demand import DemandHistory, FittedDemand, fit_demand
from pd_operator.scaling.observation import Observation

Object = dict[str, Any]


@dataclass
class MemoryCluster:
    """An API server that takes everything and remembers what was written, in order.

    `decisions` are those that the Events name.
    """

    written: list[str] = field(default_factory=list)
    statuses: list[Object] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    decisions: list[str | None] = field(default_factory=list)
    stored: dict[tuple[str, str], Object] = field(default_factory=dict)
    refusal: ClusterError | None = None
    fence: Fence = field(default_factory=Unfenced)

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        del namespace
        return self.stored.get((kind.name, name))

    async def select(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> list[Object]:
        del kind, namespace, labels
        return []

    async def serves(self, kind: Kind) -> bool:
        del kind
        return False

    async def apply(self, manifest: Object, *, subresource: str = "") -> Object:
        self.written.append(f"apply {manifest['kind']}{subresource and '/' + subresource}")
        if subresource == "status":
            self.statuses.append(manifest["status"])
            return manifest
        if self.refusal:
            raise self.refusal
        return self.store(manifest)

    def store(self, manifest: Object) -> Object:
        """Keep an object as the API server would answer it."""
        metadata = manifest["metadata"]
        stored = {
            **manifest,
            "metadata": {"uid": f"{manifest['kind']}/{metadata['name']}", **metadata},
            "spec": {"replicas": 1, **manifest.get("spec", {})},
        }
        self.stored[manifest["kind"], metadata["name"]] = stored
        return stored

    async def scale(
        self, kind: Kind, namespace: str, name: str, replicas: int, **conditions: Any
    ) -> None:
        del kind, namespace, conditions
        self.written.append(f"scale {name} {replicas}")

    async def mark(self, kind: Kind, namespace: str, name: str, **changes: Any) -> str:
        del kind, namespace, changes
        self.written.append(f"mark {name}")
        return ""

    async def patch_status(
        self, kind: Kind, namespace: str, name: str, status: Object, *, resource_version: str
    ) -> None:
        del namespace
        self.written.append(f"patch {kind.name}/status")
        stored = self.stored[kind.name, name]
        if stored["metadata"].get("resourceVersion") != resource_version:
            raise ChangedMeanwhileError(409, "somebody was faster")
        merged = {"status": stored.get("status", {}) | status}
        self.stored[kind.name, name] = stored | merged

    async def create(self, kind: Kind, namespace: str, body: Object) -> Object:
        del kind, namespace
        self.events.append(body["reason"])
        self.decisions.append(body["metadata"]["annotations"].get(ANNOTATION_DECISION))
        return body


@dataclass
class GivenObserver:
    """Sees what it is given, in order; its Prometheus is `archive`."""

    observations: Sequence[Observation]
    archive: HistorySource
    seen: int = 0

    async def observe(self, service: PDInferenceService) -> Observation:
        del service
        self.seen += 1
        return self.observations[self.seen - 1]

    async def look(self, key: ServiceKey) -> Observation:
        del key
        return self.observations[max(self.seen - 1, 0)]

    async def ready_workers(self, key: ServiceKey, role: Role) -> set[str]:
        home = (await self.look(key)).home(role)
        return {worker.name for worker in home.live if worker.ready}

    def workload(self, key: ServiceKey, role: Role) -> Workload:
        return Workload.of_pool(key, role)

    def prometheus(self, service: PDInferenceService) -> HistorySource:
        del service
        return self.archive

    def forget(self, gone: ServiceKey) -> None:
        del gone


class InlineFits:
    """Fits at once, in this process."""

    async def fit(
        self, history: DemandHistory, spec: ForecastSpec, horizons_seconds: Sequence[float]
    ) -> FittedDemand:
        return fit_demand(
            history,
            spec.model.value,
            season_seconds=spec.season_seconds,
            horizons_seconds=horizons_seconds,
        )


async def no_engine(address: str, role: Role, graphs_of: str) -> SwitchAnswer:
    """There is none to change its role."""
    del role, graphs_of
    return SwitchAnswer(SwitchResult.UNANSWERED, f"nobody listens at {address}")


def loop_over(
    resource: Object, observer: GivenObserver
) -> tuple[ServiceLoop, MemoryCluster, OperatorMetrics]:
    """The loop of a service, and what it writes to."""
    cluster, metrics, registry = MemoryCluster(), OperatorMetrics(), Registry()
    registry.put(resource)
    resource["metadata"].setdefault("resourceVersion", "1")
    cluster.stored[resource["kind"], resource["metadata"]["name"]] = resource
    for child in build_children(PDInferenceService.parse(resource), operator_image="made before"):
        # The pools are there; the rest is made on the first tick.
        if child["kind"] == "Deployment":
            cluster.store(child)
    key = ServiceKey(resource["metadata"]["namespace"], resource["metadata"]["name"])
    deps = LoopDependencies(
        cluster=cast("Cluster", cluster),
        registry=registry,
        observer=cast("Observer", observer),
        switch_role=no_engine,
        fits=cast("FitPool", InlineFits()),
        metrics=metrics,
        identity="team/operator",
        operator_image="pd-operator:test",
    )
    return ServiceLoop(key, deps), cluster, metrics
