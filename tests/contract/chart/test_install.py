"""helm install, upgrade and uninstall in a real API server."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from kubernetes import client

from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.waiting import eventually

pytestmark = pytest.mark.controlplane

Run = Callable[..., subprocess.CompletedProcess[str]]
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def test_the_operators_pod_is_admitted_where_only_restricted_pods_are(
    control_plane: ControlPlane, chart: Path, namespace: str
) -> None:
    core = client.CoreV1Api(control_plane.admin)
    core.patch_namespace(namespace, {"metadata": {"labels": RESTRICTED}})
    name = f"restricted-{namespace}"
    flags = ["--set=crds.enabled=false", f"--set=fullnameOverride={name}"]

    control_plane.helm("install", name, str(chart), f"--namespace={namespace}", *flags)
    try:
        pods = eventually(lambda: core.list_namespaced_pod(namespace).items)
        assert {pod.spec.service_account_name for pod in pods if pod.spec} == {name}
        # The same release, once more: nothing in it is immutable by accident.
        control_plane.helm(
            "upgrade", name, str(chart), f"--namespace={namespace}", *flags, "--set=log.level=debug"
        )
    finally:
        control_plane.helm("uninstall", name, f"--namespace={namespace}")


def test_the_api_server_accepts_the_crd_as_the_chart_splices_it(
    control_plane: ControlPlane, template: Run
) -> None:
    rendered = template("--show-only=templates/crds.yaml").stdout
    said = control_plane.kubectl(
        "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f-",
        input_text=rendered,
    )  # fmt: skip
    assert "pdinferenceservices.serving.pd-operator.io" in said
