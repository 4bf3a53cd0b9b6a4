"""A pool in the API server, in a namespace of the test's own."""

import pytest
from kubernetes import client
from tests.contract.leadership.pool import WORKERS, deployment, worker

from pd_e2e.cluster.controlplane import ControlPlane


@pytest.fixture
def pool(control_plane: ControlPlane, namespace: str) -> str:
    """The namespace in which it is."""
    client.AppsV1Api(control_plane.admin).create_namespaced_deployment(namespace, deployment())
    for name in WORKERS:
        client.CoreV1Api(control_plane.admin).create_namespaced_pod(namespace, worker(name))
    return namespace
