"""What the README tells people to apply is accepted as it stands."""

import json
from pathlib import Path
from typing import Any

import pytest

from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.demo.slowdown import TIME_SCALE, pace_of, slowed
from pd_operator.actuation.children import build_children
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.performance.library import bundled_profile_names, load_bundled

pytestmark = pytest.mark.controlplane

ROOT = Path(__file__).parents[3]
REAL = f"--filename={ROOT / 'examples' / 'pdservice.yaml'}"
ATTACHED = f"--filename={ROOT / 'examples' / 'pdservice-attach.yaml'}"
DEMO = f"--kustomize={ROOT / 'e2e' / 'demo'}"
KIND = f"--kustomize={ROOT / 'e2e' / 'kind'}"


def applied(api: ControlPlane, namespace: str, source: str) -> dict[str, Any]:
    said = api.kubectl(
        "apply", source, f"--namespace={namespace}", "--dry-run=server", "--output=json"
    )
    service: dict[str, Any] = json.loads(said)
    return service


@pytest.mark.parametrize(
    "source", [REAL, ATTACHED, DEMO, KIND], ids=["real", "attached", "demo", "kind"]
)
def test_an_example_is_accepted_and_its_profile_exists(
    api: ControlPlane, namespace: str, source: str
) -> None:
    spec = PDInferenceService.parse(applied(api, namespace, source)).spec

    assert spec.engine.profile is not None
    assert spec.engine.profile.name in bundled_profile_names()
    profile = load_bundled(spec.engine.profile.name or "")
    assert spec.prefill.tensor_parallel_size in profile.tensor_parallel_sizes
    assert spec.decode.tensor_parallel_size in profile.tensor_parallel_sizes


def test_the_base_for_overlays_is_the_real_example(api: ControlPlane, namespace: str) -> None:
    base = f"--kustomize={ROOT / 'examples'}"
    assert applied(api, namespace, base)["spec"] == applied(api, namespace, REAL)["spec"]


def test_the_demo_serves_the_same_model_on_the_same_gpus(api: ControlPlane, namespace: str) -> None:
    real = PDInferenceService.parse(applied(api, namespace, REAL)).spec
    demo = PDInferenceService.parse(applied(api, namespace, DEMO)).spec

    assert demo.model == real.model
    assert demo.engine.profile == real.engine.profile
    assert demo.autoscaling.gpu_budget == real.autoscaling.gpu_budget
    assert demo.prefill.max_replicas == real.prefill.max_replicas


def test_the_demo_can_be_slowed_as_it_is_applied(api: ControlPlane, namespace: str) -> None:
    slow = slowed(applied(api, namespace, DEMO), percent=30)
    said = api.kubectl(
        *("apply", "-f", "-", f"--namespace={namespace}", "--dry-run=server", "--output=json"),
        input_text=json.dumps(slow),
    )
    service = PDInferenceService.parse(json.loads(said))
    assert pace_of(service) == 1.3
    assert service.spec.objectives.tpot.milliseconds == 24
    for child in build_children(service, operator_image="pd-operator/operator"):
        if child["kind"] == "Deployment" and not child["metadata"]["name"].endswith("router"):
            (engine,) = child["spec"]["template"]["spec"]["containers"]
            scales = [v["value"] for v in engine["env"] if v["name"] == TIME_SCALE]
            assert scales == ["1.3"]


def test_nothing_of_the_real_clusters_nodes_is_left_in_the_demos_pods(
    api: ControlPlane, namespace: str
) -> None:
    service = PDInferenceService.parse(applied(api, namespace, DEMO))
    children = build_children(service, operator_image="pd-operator/operator")
    pods = [
        child["spec"]["template"]["spec"] for child in children if child["kind"] == "Deployment"
    ]
    assert not any("nodeSelector" in pod or "tolerations" in pod for pod in pods)
    volumes = [volume["name"] for pod in pods for volume in pod.get("volumes", [])]
    assert volumes == ["worker-table"]
