"""Children whose names are taken, or that the API server refuses, against the real API server."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from pd_e2e.cluster.controlplane import ControlPlane
from pd_operator.actuation.applier import ChildApplier, ChildrenRefusedError
from pd_operator.actuation.children import build_children, build_pod_monitor
from pd_operator.actuation.cluster import Cluster
from pd_operator.api.names import ANNOTATION_ADOPT, LABEL_SERVICE
from pd_operator.api.v1alpha1 import PDInferenceService

from .conftest import EXAMPLE

pytestmark = pytest.mark.controlplane

KINDS = "deployments,services,serviceaccounts,roles,rolebindings,poddisruptionbudgets"
FOREIGN = """
apiVersion: v1
kind: Service
metadata: {name: chat, labels: {app: legacy}}
spec:
  selector: {app: legacy-chat}
  ports: [{name: web, port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: chat-router, labels: {app: legacy}}
"""

POD_MONITORS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "podmonitors.monitoring.coreos.com"},
    "spec": {
        "group": "monitoring.coreos.com",
        "names": {"kind": "PodMonitor", "plural": "podmonitors", "singular": "podmonitor"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
}
"""The kind alone: what it means is the Prometheus operator's."""


class Team:
    """A namespace in which services and other things are applied."""

    def __init__(self, control_plane: ControlPlane, cluster: Cluster, namespace: str) -> None:
        self._control_plane = control_plane
        self._cluster = cluster
        self.namespace = namespace

    def kubectl(self, *arguments: str, input_text: str | None = None) -> str:
        return self._control_plane.kubectl(
            *arguments, f"--namespace={self.namespace}", input_text=input_text
        )

    def objects(self) -> dict[str, Any]:
        """All objects of the children's kinds, by `Kind/name`."""
        found = json.loads(self.kubectl("get", KINDS, "--output=json"))["items"]
        return {f"{one['kind']}/{one['metadata']['name']}": one for one in found}

    def serve(self, name: str, **prefill: Any) -> PDInferenceService:
        """Apply a service."""
        manifest = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
        manifest["metadata"]["name"] = name
        manifest["spec"]["prefill"] |= prefill
        stored = self.kubectl(
            "apply", "--filename=-", "--output=json", input_text=json.dumps(manifest)
        )
        return PDInferenceService.parse(json.loads(stored))

    async def reconcile(
        self, service: PDInferenceService, children: list[dict[str, Any]] | None = None
    ) -> list[str]:
        """What a new operator does with a service's children."""
        applier = ChildApplier(
            self._cluster, self.namespace, {LABEL_SERVICE: service.metadata.name}
        )
        wanted = children or build_children(service, operator_image="operator")
        return await applier.apply(wanted)


@pytest.fixture
def team(crd: None, control_plane: ControlPlane, cluster_api: Cluster, namespace: str) -> Team:
    return Team(control_plane, cluster_api, namespace)


async def test_objects_of_somebody_else_stay_as_they_are_and_are_named_with_the_way_out(
    team: Team,
) -> None:
    team.kubectl("apply", "--filename=-", input_text=FOREIGN)
    before = team.objects()
    with pytest.raises(ChildrenRefusedError) as refusal:
        await team.reconcile(team.serve("chat"))
    assert "ServiceAccount chat-router is there already" in str(refusal.value)
    assert "Service chat is there already" in str(refusal.value)
    assert f"kubectl annotate service chat --namespace {team.namespace}" in str(refusal.value)
    assert team.objects() == before, "nothing is changed, nothing is made"


CHILDREN = [
    *(("Deployment", f"chat-{component}") for component in ("prefill", "decode", "router")),
    *(
        ("PodDisruptionBudget", f"chat-{component}")
        for component in ("prefill", "decode", "router")
    ),
    *(("Service", name) for name in ("chat", "chat-prefill", "chat-decode")),
    *((kind, "chat-router") for kind in ("ServiceAccount", "Role", "RoleBinding")),
    ("PodMonitor", "chat"),
]


@pytest.fixture
def pod_monitors(control_plane: ControlPlane) -> Iterator[None]:
    """A cluster that knows PodMonitors, for one test."""
    crd = json.dumps(POD_MONITORS)
    control_plane.kubectl("apply", "--filename=-", input_text=crd)
    control_plane.kubectl(
        "wait", "crd/podmonitors.monitoring.coreos.com", "--for=condition=Established"
    )
    yield
    control_plane.kubectl("delete", "--filename=-", input_text=crd)


def as_its_owner_has_it(printed: str) -> dict[str, Any]:
    """An object without what Kubernetes' own controllers note on it meanwhile."""
    told: dict[str, Any] = json.loads(printed)
    kept = ("uid", "generation", "labels", "ownerReferences")
    metadata = {key: told["metadata"].get(key) for key in kept}
    return {key: value for key, value in told.items() if key != "status"} | {"metadata": metadata}


async def test_no_child_of_any_kind_is_taken_from_somebody_else(
    pod_monitors: None, team: Team
) -> None:
    service = team.serve("chat")
    children = [
        *build_children(service, operator_image="operator"),
        build_pod_monitor(service, {}),
    ]
    named = {(child["kind"], child["metadata"]["name"]): child for child in children}
    assert sorted(named) == sorted(CHILDREN)
    for (kind, name), child in named.items():
        legacy = {"name": name, "labels": {"app": "legacy"}}
        team.kubectl("create", "--filename=-", input_text=json.dumps(child | {"metadata": legacy}))
        before = as_its_owner_has_it(team.kubectl("get", kind, name, "--output=json"))
        with pytest.raises(ChildrenRefusedError, match=f"{kind} {name} is there already"):
            await team.reconcile(service, children)
        after = as_its_owner_has_it(team.kubectl("get", kind, name, "--output=json"))
        assert after == before
        team.kubectl("delete", kind, name)
    assert await team.reconcile(service, children), "all names are free"


async def test_an_object_that_its_owner_has_handed_over_is_taken_over(team: Team) -> None:
    team.kubectl("apply", "--filename=-", input_text=FOREIGN)
    for each in ("service/chat", "serviceaccount/chat-router"):
        team.kubectl("annotate", each, f"{ANNOTATION_ADOPT}=chat")
    service = team.serve("chat")
    await team.reconcile(service)
    for name in ("Service/chat", "ServiceAccount/chat-router"):
        (owner,) = team.objects()[name]["metadata"]["ownerReferences"]
        assert owner["uid"] == service.metadata.uid


async def test_an_object_handed_over_to_another_service_is_not_taken(team: Team) -> None:
    team.kubectl("apply", "--filename=-", input_text=FOREIGN)
    team.kubectl("annotate", "service/chat", f"{ANNOTATION_ADOPT}=other")
    with pytest.raises(ChildrenRefusedError, match="Service chat is there already"):
        await team.reconcile(team.serve("chat"))


@pytest.mark.parametrize(("first", "second"), [("chat", "chat-prefill"), ("chat-prefill", "chat")])
async def test_of_two_services_whose_names_meet_the_second_waits(
    team: Team, first: str, second: str
) -> None:
    await team.reconcile(team.serve(first))
    before = team.objects()
    late = team.serve(second)
    with pytest.raises(ChildrenRefusedError) as refusal:
        await team.reconcile(late)
    assert f"Service chat-prefill belongs to PDInferenceService {first}" in str(refusal.value)
    assert "Give this PDInferenceService another name" in str(refusal.value)
    after = team.objects()
    assert after.keys() == before.keys()
    assert after["Service/chat-prefill"] == before["Service/chat-prefill"]

    team.kubectl("delete", "service", "chat-prefill")
    assert await team.reconcile(late), "the name is free"


async def test_children_that_a_deleted_service_left_behind_are_not_taken_unasked(
    team: Team,
) -> None:
    await team.reconcile(team.serve("chat"))
    team.kubectl("delete", "pdis", "chat", "--cascade=orphan")
    again = team.serve("chat")
    with pytest.raises(ChildrenRefusedError, match="Deployment chat-prefill is there already"):
        await team.reconcile(again)

    for kind in KINDS.split(","):
        team.kubectl(
            "annotate", kind, f"--selector={LABEL_SERVICE}=chat", f"{ANNOTATION_ADOPT}=chat"
        )
    await team.reconcile(again)
    owners = [
        one["metadata"]["ownerReferences"]
        for one in team.objects().values()
        if LABEL_SERVICE in one["metadata"].get("labels", {})
    ]
    assert {owner["uid"] for (owner,) in owners} == {again.metadata.uid}


def engine(**fields: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "engine", **fields}]}}


@pytest.mark.parametrize(
    ("template", "path"),
    [
        (engine(resourcs={}), '.spec.template.spec.containers[name="engine"].resourcs'),
        (engine(env="all"), '.spec.template.spec.containers[name="engine"].env'),
        (
            engine(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
            '.spec.template.spec.containers[name="engine"].env',
        ),
        (engine(env=[{"value": "1"}]), "spec.template.spec.containers[0].env[3].name"),
        (engine(env=[{"name": "A", "value": 1}]), "value"),
        ({"spec": {"nodeSelektor": {}}}, ".spec.template.spec.nodeSelektor"),
        ({"specs": {}}, ".spec.template.specs"),
        (engine(resources={"limits": {"cpu": "many"}}), "quantities must match"),
        (engine(volumeMounts=[{"name": "no", "mountPath": "/m"}]), "volumeMounts[0].name"),
    ],
)  # fmt: skip
async def test_a_template_that_cannot_be_is_refused_on_one_line_with_the_fields_path(
    team: Team, template: dict[str, Any], path: str
) -> None:
    with pytest.raises(ChildrenRefusedError) as refusal:
        await team.reconcile(team.serve("chat", template=template))
    assert path in str(refusal.value)
    assert str(refusal.value).startswith("Deployment chat-prefill: ")
    assert "\n" not in str(refusal.value)
