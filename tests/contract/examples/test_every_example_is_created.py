"""Every example is created in the real API server, as it stands."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pd_e2e.cluster.controlplane import ControlPlane
from pd_operator.actuation.children import build_children
from pd_operator.api.parallelism import Parallelism
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.performance import parse_profile
from pd_operator.performance.library import bundled_profile_names, load_bundled

pytestmark = pytest.mark.controlplane

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"
NO_OBJECTS = {"kustomization.yaml", "kube-prometheus-stack-values.yaml", "argo-cd/argocd-cm.yaml"}
"""What is no object to create: for kustomize, for helm, and a patch."""
FILES = sorted(
    path
    for path in EXAMPLES.rglob("*.yaml")
    if path.relative_to(EXAMPLES).as_posix() not in NO_OBJECTS
)
MADE_BY_THE_OPERATOR = [
    path
    for path in FILES
    if path.name.startswith("pdservice") and path.name != "pdservice-attach.yaml"
]


def named(path: Path) -> str:
    return path.relative_to(EXAMPLES).as_posix()


@pytest.fixture(scope="module")
def kinds(api: ControlPlane) -> ControlPlane:
    """A control plane that also knows the kinds of others, by the schemas beside this file."""
    api.serve_crds(Path(__file__).with_name("foreign_kinds.yaml"))
    return api


def created(control_plane: ControlPlane, namespace: str, example: Path) -> list[dict[str, Any]]:
    """What the API server has stored of an example, all of it in a namespace of the test."""
    objects = [each for each in yaml.safe_load_all(example.read_text(encoding="utf-8")) if each]
    for each in objects:
        each["metadata"]["namespace"] = namespace
    said = control_plane.kubectl(
        *("create", "--filename=-", "--validate=strict", "--output=json"),
        input_text=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}),
    )
    return list(_documents(said))


@pytest.mark.parametrize("example", FILES, ids=named)
def test_an_example_is_created_as_it_stands(
    kinds: ControlPlane, namespace: str, example: Path
) -> None:
    sent = [each for each in yaml.safe_load_all(example.read_text(encoding="utf-8")) if each]
    stored = created(kinds, namespace, example)
    assert [each["kind"] for each in stored] == [each["kind"] for each in sent]
    for asked, got in zip(sent, stored, strict=True):
        assert _lost(asked, got) == []


@pytest.mark.parametrize("example", MADE_BY_THE_OPERATOR, ids=named)
def test_what_a_service_of_the_examples_is_made_of_is_accepted_too(
    api: ControlPlane, namespace: str, example: Path
) -> None:
    service, *beside = sorted(
        created(api, namespace, example), key=lambda each: str(each["kind"]) != "PDInferenceService"
    )
    children = build_children(PDInferenceService.parse(service), operator_image="pd-operator/x")
    monitors = [each for each in children if each["kind"] == "PodMonitor"]
    ours = [each for each in children if each not in monitors]
    api.kubectl(
        *("create", "--filename=-", "--validate=strict"),
        input_text=json.dumps({"apiVersion": "v1", "kind": "List", "items": ours}),
    )
    _check_profile(PDInferenceService.parse(service), beside)


def test_a_field_that_no_kind_has_is_found(kinds: ControlPlane, namespace: str) -> None:
    route = yaml.safe_load((EXAMPLES / "httproute.yaml").read_text(encoding="utf-8"))
    route["metadata"]["namespace"] = namespace
    route["spec"]["rules"][0]["backendRef"] = []
    with pytest.raises(Exception, match="unknown field"):
        kinds.kubectl("create", "-f-", "--validate=strict", input_text=json.dumps(route))


def _documents(text: str) -> Iterator[Any]:
    """JSON documents, one after the other."""
    decoder, rest = json.JSONDecoder(), text.strip()
    while rest:
        document, end = decoder.raw_decode(rest)
        yield document
        rest = rest[end:].strip()


def _check_profile(service: PDInferenceService, beside: list[dict[str, Any]]) -> None:
    """A profile that is named is there, and knows the pools' tensor-parallel sizes."""
    named_profile = service.spec.engine.profile
    if named_profile is None:
        return
    if named_profile.config_map_ref is not None:
        (text,) = [
            each["data"][named_profile.config_map_ref.key]
            for each in beside
            if each["metadata"]["name"] == named_profile.config_map_ref.name
        ]
        profile = parse_profile(text, "own")
    else:
        assert named_profile.name in bundled_profile_names()
        profile = load_bundled(named_profile.name or "")
    if service.spec.parallelism is Parallelism.MANUAL:
        for pool in (service.spec.prefill, service.spec.decode):
            assert pool.tensor_parallel_size in profile.tensor_parallel_sizes


def _lost(asked: Any, got: Any, at: str = "") -> list[str]:
    """Paths of what was sent and not stored: a field that a schema prunes is no part of a kind."""
    if isinstance(asked, dict):
        return [
            path
            for key, value in asked.items()
            for path in (
                _lost(value, got[key], f"{at}.{key}")
                if isinstance(got, dict) and key in got
                else [f"{at}.{key}"] * (value is not None)
            )
        ]
    if isinstance(asked, list) and isinstance(got, list):
        return [
            path
            for number, (one, other) in enumerate(zip(asked, got, strict=False))
            for path in _lost(one, other, f"{at}[{number}]")
        ]
    return []
