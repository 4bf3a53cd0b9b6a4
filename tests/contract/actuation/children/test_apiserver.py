"""The children, put to the real API server."""

import json
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from pd_e2e.cluster.controlplane import ControlPlane
from pd_operator.actuation.children import Manifest, build_children
from pd_operator.api.v1alpha1 import PDInferenceService

pytestmark = pytest.mark.controlplane

EXAMPLE = Path(__file__).parents[4] / "examples" / "pdservice.yaml"
IMAGE = "pd-operator/operator:0.1.0"


@pytest.fixture
def service(api: ControlPlane, namespace: str) -> PDInferenceService:
    """The example for real clusters, stored."""
    said = api.kubectl(
        "create", f"--filename={EXAMPLE}", f"--namespace={namespace}", "--output=json"
    )
    return PDInferenceService.parse(json.loads(said))


def apply(api: ControlPlane, manifest: Manifest, *options: str) -> dict[str, Any]:
    """Server-side apply, as the operator does it."""
    said = api.kubectl(
        "apply", "--server-side", "--force-conflicts", "--field-manager=pd-operator",
        "--validate=strict", "--output=json", "--filename=-", *options,
        input_text=json.dumps(manifest),
    )  # fmt: skip
    stored: dict[str, Any] = json.loads(said)
    return stored


def deployment(service: PDInferenceService, component: str) -> Manifest:
    name = f"{service.metadata.name}-{component}"
    [found] = [
        child
        for child in build_children(service, operator_image=IMAGE)
        if child["kind"] == "Deployment" and child["metadata"]["name"] == name
    ]
    return found


def test_every_child_is_accepted_with_no_field_unknown(
    api: ControlPlane, service: PDInferenceService
) -> None:
    for manifest in build_children(service, operator_image=IMAGE):
        stored = apply(api, manifest, "--dry-run=server")
        assert stored["metadata"]["name"] == manifest["metadata"]["name"]


AMD = """
apiVersion: serving.pd-operator.io/v1alpha1
kind: PDInferenceService
metadata: {name: chat}
spec:
  model: {path: org/model}
  engine: {profile: {name: llama-3.1-8b-l40s}, gpuResource: amd.com/gpu}
  objectives: {ttft: {milliseconds: 1000}, tpot: {milliseconds: 40}}
  prefill: {maxReplicas: 2}
  decode: {maxReplicas: 2}
  metrics: {prometheusUrl: "http://prometheus.monitoring:9090"}
"""

REPLACED = """
apiVersion: serving.pd-operator.io/v1alpha1
kind: PDInferenceService
metadata: {name: chat}
spec:
  model: {path: org/model}
  engine: {profile: {name: llama-3.1-8b-l40s}}
  objectives: {ttft: {milliseconds: 1000}, tpot: {milliseconds: 40}}
  prefill: &pool
    maxReplicas: 2
    template:
      spec:
        containers:
          - name: engine
            resources: {$patch: replace, limits: {amd.com/gpu: "1"}}
  decode: *pool
  metrics: {prometheusUrl: "http://prometheus.monitoring:9090"}
"""


@pytest.mark.parametrize("manifest", [AMD, REPLACED], ids=["gpuResource", "$patch"])
def test_what_takes_nvidias_resource_away_survives_a_client_side_apply(
    api: ControlPlane, namespace: str, manifest: str
) -> None:
    for _ in range(2):  # created, and patched
        said = api.kubectl(
            "apply", "--filename=-", f"--namespace={namespace}", "--output=json",
            input_text=manifest,
        )  # fmt: skip
    service = PDInferenceService.parse(json.loads(said))
    for pool in ("prefill", "decode"):
        stored = apply(api, deployment(service, pool))
        (engine,) = stored["spec"]["template"]["spec"]["containers"]
        assert engine["resources"] == {"limits": {"amd.com/gpu": "1"}}


def version(stored: dict[str, Any]) -> Any:
    """What a write of ours changes; the status of some kinds is written by their controllers."""
    metadata = stored["metadata"]
    return metadata.get("generation", metadata["resourceVersion"])


def test_applying_a_child_again_changes_nothing(
    api: ControlPlane, service: PDInferenceService
) -> None:
    for manifest in build_children(service, operator_image=IMAGE):
        assert version(apply(api, manifest)) == version(apply(api, manifest)), manifest["kind"]


def test_a_pool_starts_with_one_worker_and_keeps_the_size_that_scale_gave_it(
    api: ControlPlane, service: PDInferenceService
) -> None:
    pool = deployment(service, "prefill")
    assert apply(api, pool)["spec"]["replicas"] == 1

    namespace = service.metadata.namespace
    api.kubectl("scale", "deployment/chat-prefill", f"--namespace={namespace}", "--replicas=5")
    assert apply(api, pool)["spec"]["replicas"] == 5


def test_the_routers_pod_is_admitted_where_only_restricted_pods_are(
    api: ControlPlane, service: PDInferenceService
) -> None:
    core = client.CoreV1Api(api.admin)
    namespace = service.metadata.namespace
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    core.patch_namespace(namespace, {"metadata": {"labels": labels}})
    access = [
        child
        for child in build_children(service, operator_image=IMAGE)
        if child["kind"] == "ServiceAccount"
    ]
    apply(api, access[0])

    template = deployment(service, "router")["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", **template}
    pod["metadata"] = {**template["metadata"], "name": "router", "namespace": namespace}
    assert apply(api, pod, "--dry-run=server")["kind"] == "Pod"


def test_the_sidecar_can_watch_pods_of_its_namespace_only(
    api: ControlPlane, service: PDInferenceService
) -> None:
    for child in build_children(service, operator_image=IMAGE):
        if child["kind"] in {"ServiceAccount", "Role", "RoleBinding"}:
            apply(api, child)
    namespace = service.metadata.namespace
    account = f"--as=system:serviceaccount:{namespace}:chat-router"

    assert api.kubectl("auth", "can-i", "watch", "pods", account, f"-n={namespace}") == "yes\n"
    allowed = api.kubectl("auth", "can-i", "--list", account, f"-n={namespace}")
    assert "secrets" not in allowed
    assert "[get list watch]" in allowed
    assert "[patch" not in allowed
