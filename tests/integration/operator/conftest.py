"""The operator, installed by its chart in the session's cluster, and services that it runs.

operator     `InstalledOperator`: helm-installed, one for the whole session.
prometheus   `Prometheus`: scrapes every pod of the cluster once a second (session). Not to be
             stopped: an outage needs one of its own.
serve        `serve(**changes)`: a `RunningService` in the test's namespace that serves with its
             fewest workers. `changes` go over the spec of `service.manifest`.
chat         The same for all tests of a module, in a namespace of the module's own, with the
             module's `CHAT` (if it has one) over the spec.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pd_e2e.cluster.binaries import Programs
from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.prometheus import Prometheus
from pd_e2e.nodes.cluster import Cluster

from .installed import InstalledOperator
from .service import RunningService, manifest


@pytest.fixture(scope="session")
def operator(cluster: Cluster) -> InstalledOperator:
    installed = InstalledOperator(cluster)
    installed.install()
    return installed


@pytest.fixture(scope="session")
def prometheus(
    binaries: Programs, control_plane: ControlPlane, cluster_directory: Path
) -> Iterator[Prometheus]:
    directory = cluster_directory / "prometheus"
    with Prometheus(
        binaries, directory, control_plane.kubeconfig, scrape_interval_seconds=1
    ) as running:
        yield running


@pytest.fixture
def serve(
    operator: InstalledOperator,
    prometheus: Prometheus,
    control_plane: ControlPlane,
    namespace: str,
) -> Callable[..., RunningService]:
    def serve(**changes: Any) -> RunningService:
        service = RunningService(control_plane, namespace)
        service.apply(manifest(prometheus.url, **changes))
        service.await_fewest_workers()
        return service

    return serve


@pytest.fixture(scope="module")
def chat(
    operator: InstalledOperator,
    prometheus: Prometheus,
    control_plane: ControlPlane,
    request: pytest.FixtureRequest,
) -> Iterator[RunningService]:
    with fresh_namespace(control_plane) as name:
        service = RunningService(control_plane, name)
        changes = getattr(request.module, "CHAT", {})
        service.apply(manifest(prometheus.url, **changes))
        service.await_fewest_workers()
        yield service


@contextmanager
def fresh_namespace(control_plane: ControlPlane) -> Iterator[str]:
    name = f"chat-{uuid.uuid4().hex[:8]}"
    control_plane.kubectl("create", "namespace", name)
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false")
