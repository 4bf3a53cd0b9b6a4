"""Fixtures that every test may use.

binaries        `Programs`: where the built programs of the cluster lie (session).
control_plane   `ControlPlane`: a real Kubernetes API server, controllers and scheduler, started
                once for the whole session. Tests share it: keep to your own `namespace`, and do not
                stop its API server (start a `ControlPlane` of your own for outages).
cluster         `Cluster`: that control plane and the nodes `node-0` to `node-2`, 8 GPUs each, whose
                pods are processes (session). What they can run is in `pd_e2e.nodes.catalog`:
                our own images, smg, and `python` for a test's own scripts. A container's output is
                in `cluster.nodes.pod_log(namespace, pod, container)`.
namespace       The name of a fresh namespace, deleted after the test.

To wait for something: `eventually(check, timeout_seconds)` of `pd_e2e.cluster.waiting` polls until
`check()` is true without raising.

A test that uses `control_plane` or `cluster` carries the marker `controlplane`.
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from kubernetes import client

from pd_e2e.cluster.binaries import Programs, ensure_programs
from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.waiting import eventually
from pd_e2e.nodes.agent_process import AgentOptions, AgentProcess
from pd_e2e.nodes.catalog import repository_images
from pd_e2e.nodes.cluster import Cluster

# A test that fails for one must fail for all who have the same commit. To look further than the
# same examples every time: HYPOTHESIS_PROFILE=searching.
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("searching", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

NODE_GRACE_SECONDS = 10
"""A node whose agent is killed becomes NotReady after this; Kubernetes' own default is 50 seconds.
"""


@pytest.fixture(scope="session")
def binaries() -> Programs:
    """Build what is missing, once per machine: some minutes the first time."""
    return ensure_programs()


@pytest.fixture(scope="session")
def cluster_directory() -> Iterator[Path]:
    """Take a directory for the cluster's data and logs; it stays where PD_E2E_KEEP is set."""
    directory = Path(tempfile.mkdtemp(prefix="pd-operator-tests-"))
    yield directory
    if "PD_E2E_KEEP" not in os.environ:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def control_plane(binaries: Programs, cluster_directory: Path) -> Iterator[ControlPlane]:
    """Run one control plane for the whole session."""
    directory = cluster_directory / "control-plane"
    with ControlPlane(binaries, directory, node_grace_seconds=NODE_GRACE_SECONDS) as running:
        yield running


@pytest.fixture(scope="session")
def cluster(control_plane: ControlPlane, cluster_directory: Path) -> Iterator[Cluster]:
    """Run three nodes for the whole session."""
    options = AgentOptions(nodes=3, gpus=8, heartbeat_seconds=2, backoff_seconds=1)
    with AgentProcess(
        control_plane, cluster_directory / "nodes", repository_images(), options
    ) as nodes:
        yield Cluster(control_plane, nodes)


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """Make a namespace for one test, with its default service account."""
    core = client.CoreV1Api(control_plane.admin)
    name = f"test-{uuid.uuid4().hex[:8]}"
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))
    eventually(lambda: core.read_namespaced_service_account("default", name))
    yield name
    core.delete_namespace(name)
