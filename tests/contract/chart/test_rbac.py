"""The operator's rights, asked of the real API server: all that it needs, and nothing else."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from pd_e2e.cluster.binaries import Programs
from pd_e2e.cluster.commands import ClusterCommands, CommandError
from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.waiting import eventually
from pd_operator.actuation.children import build_children
from pd_operator.actuation.cluster import Cluster, ClusterError
from pd_operator.actuation.kinds import DEPLOYMENT, LEASE
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.leadership.election import ElectionTimes
from pd_operator.leadership.lease import LeaseStore

pytestmark = pytest.mark.controlplane

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Need:
    """What the operator does with one kind of object."""

    what_for: str
    group: str
    resource: str
    verbs: tuple[str, ...]
    name: str = ""

    def __str__(self) -> str:
        return self.resource


OURS = "serving.pd-operator.io"
LWS = "leaderworkerset.x-k8s.io"
RBAC = "rbac.authorization.k8s.io"
READ = ("get", "list", "watch")
CHILD = (*READ, "create", "patch")  # server-side apply creates through patch and create
MONITOR = ("get", "list", "create", "patch")  # not watched: its CRD may not exist

NEEDS = (
    Need("watch the services to run", OURS, "pdinferenceservices", READ),
    Need("say what was decided", OURS, "pdinferenceservices/status", ("patch",)),
    Need("read a performance profile", "", "configmaps", ("get",)),
    Need("observe workers, route and drain them", "", "pods", (*READ, "patch")),
    Need("run pools and routers", "apps", "deployments", CHILD),
    Need("change replicas", "apps", "deployments/scale", ("get", "patch")),
    Need("see StatefulSets that are there", "apps", "statefulsets", ("get",)),
    Need("scale them", "apps", "statefulsets/scale", ("get", "patch")),
    Need("see LeaderWorkerSets that are there", LWS, "leaderworkersets", ("get",)),
    Need("scale their groups", LWS, "leaderworkersets/scale", ("get", "patch")),
    Need("see who else scales", "autoscaling", "horizontalpodautoscalers", ("list",)),
    Need("give services an address", "", "services", CHILD),
    Need("give the sidecar an identity", "", "serviceaccounts", CHILD),
    Need("let the sidecar read pods", RBAC, "roles", CHILD),
    Need("bind that role", RBAC, "rolebindings", CHILD),
    Need("bound what a node drain takes", "policy", "poddisruptionbudgets", CHILD),
    Need("have services scraped", "monitoring.coreos.com", "podmonitors", MONITOR),
    Need("tell of transitions", "", "events", ("create",)),
)

FORBIDDEN = (
    Need("read credentials", "", "secrets", READ),
    Need("end requests in flight", "", "pods", ("delete", "deletecollection", "create")),
    Need("run commands in workers", "", "pods/exec", ("create", "get")),
    Need("change what users ask for", OURS, "pdinferenceservices", ("create", "patch", "delete")),
    Need("give itself more", RBAC, "roles", ("escalate", "bind")),
    Need("reach beyond a namespace", RBAC, "clusterroles", (*READ, "create", "bind", "escalate")),
    Need("act as somebody else", "", "serviceaccounts", ("impersonate",)),
    Need("mint tokens", "", "serviceaccounts/token", ("create",)),
    Need("delete what its services own", "apps", "deployments", ("delete", "deletecollection")),
    Need("change workloads of others", "apps", "statefulsets", ("create", "patch", "delete")),
    Need("touch nodes", "", "nodes", (*READ, "patch")),
)


@dataclass(frozen=True)
class Installed:
    """A release in the real API server, and the account that its operator runs under."""

    control_plane: ControlPlane
    namespace: str
    name: str

    def rights(self, needs: tuple[Need, ...], namespace: str) -> dict[tuple[str, str], bool]:
        """Ask the API server about every verb of every need, in a namespace."""
        return {
            (need.resource, verb): self._may(need, verb, namespace)
            for need in needs
            for verb in need.verbs
        }

    def missing(self, namespace: str = "default") -> set[tuple[str, str]]:
        return {right for right, held in self.rights(NEEDS, namespace).items() if not held}

    def _may(self, need: Need, verb: str, namespace: str) -> bool:
        resource, _, subresource = need.resource.partition("/")
        review = client.V1SubjectAccessReview(
            spec=client.V1SubjectAccessReviewSpec(
                user=f"system:serviceaccount:{self.namespace}:{self.name}",
                groups=["system:serviceaccounts", "system:authenticated"],
                resource_attributes=client.V1ResourceAttributes(
                    group=need.group,
                    resource=resource,
                    subresource=subresource or None,
                    verb=verb,
                    namespace=namespace,
                    name=need.name or None,
                ),
            )
        )
        authorization = client.AuthorizationV1Api(self.control_plane.admin)
        answer = authorization.create_subject_access_review(review)
        assert answer.status is not None
        return bool(answer.status.allowed)


def install(control_plane: ControlPlane, chart: Path, namespace: str, *flags: str) -> Installed:
    # The CRD is left out: it belongs to the cluster, which other tests share.
    control_plane.helm(
        "install", namespace, str(chart), f"--namespace={namespace}", "--create-namespace",
        f"--set=fullnameOverride={namespace},crds.enabled=false", *flags,
    )  # fmt: skip
    return Installed(control_plane, namespace, namespace)


def uninstall(installed: Installed) -> None:
    installed.control_plane.helm("uninstall", installed.name, f"--namespace={installed.namespace}")
    core = client.CoreV1Api(installed.control_plane.admin)
    core.delete_namespace(installed.namespace)


@pytest.fixture(scope="module")
def installed(control_plane: ControlPlane, chart: Path) -> Iterator[Installed]:
    installed = install(control_plane, chart, "rbac-everywhere")
    eventually(lambda: not installed.missing())
    yield installed
    uninstall(installed)


@pytest.fixture
def cluster_role(control_plane: ControlPlane, installed: Installed) -> Iterator[Any]:
    """The ClusterRole, to be edited; put back afterwards."""
    rbac = client.RbacAuthorizationV1Api(control_plane.admin)
    role = rbac.read_cluster_role(installed.name)
    rules = list(role.rules or [])
    yield role
    put_rules(control_plane, installed, rules)
    eventually(lambda: not installed.missing())


def put_rules(control_plane: ControlPlane, installed: Installed, rules: list[Any]) -> None:
    rbac = client.RbacAuthorizationV1Api(control_plane.admin)
    role = rbac.read_cluster_role(installed.name)
    role.rules = rules
    rbac.replace_cluster_role(installed.name, role)


def test_the_operator_holds_every_right_it_needs_in_every_namespace(installed: Installed) -> None:
    assert installed.missing("default") == set()
    assert installed.missing("kube-system") == set()


@pytest.mark.parametrize("need", NEEDS, ids=str)
def test_a_rule_that_is_removed_is_missed(
    control_plane: ControlPlane, installed: Installed, cluster_role: Any, need: Need
) -> None:
    group, resource = need.group, need.resource
    kept = [
        rule
        for rule in cluster_role.rules
        if not (group in rule.api_groups and resource in rule.resources)
    ]
    assert len(kept) == len(cluster_role.rules) - 1
    put_rules(control_plane, installed, kept)
    lost = {(resource, verb) for verb in need.verbs}
    eventually(lambda: lost <= installed.missing())


def test_no_rule_grants_more_than_is_needed(cluster_role: Any) -> None:
    granted = {
        (group, resource, verb)
        for rule in cluster_role.rules
        for group, resource, verb in itertools.product(rule.api_groups, rule.resources, rule.verbs)
    }
    needed = {(need.group, need.resource, verb) for need in NEEDS for verb in need.verbs}
    assert granted == needed
    assert not any("*" in part or "secrets" in part for right in granted for part in right)


def test_the_operator_cannot_do_what_it_has_no_business_doing(installed: Installed) -> None:
    held = installed.rights(FORBIDDEN, "default")
    assert {right for right, held in held.items() if held} == set()


PEOPLE = {
    "view": (Need("see services", OURS, "pdinferenceservices", READ),),
    "edit": (
        Need("see services", OURS, "pdinferenceservices", READ),
        Need("change them", OURS, "pdinferenceservices", ("create", "update", "patch", "delete")),
    ),
}
PEOPLE["admin"] = PEOPLE["edit"]
STATUS = Need("say what was decided", OURS, "pdinferenceservices/status", ("patch", "update"))


@pytest.mark.parametrize("role", PEOPLE)
def test_who_has_a_role_in_a_namespace_has_it_over_its_services_too(
    control_plane: ControlPlane, installed: Installed, namespace: str, role: str
) -> None:
    del installed
    person = Installed(control_plane, namespace, role)
    account = f"--serviceaccount={namespace}:{role}"
    at = f"--namespace={namespace}"
    control_plane.kubectl("create", "rolebinding", role, f"--clusterrole={role}", account, at)
    # Kubernetes' controller adds our rules to its roles.
    eventually(lambda: all(person.rights(PEOPLE[role], namespace).values()))
    assert not any(person.rights(PEOPLE[role], "default").values())
    assert not any(person.rights((STATUS,), namespace).values())
    changes = person.rights(PEOPLE["edit"][1:], namespace)
    assert all(changes.values()) is (role != "view")


def test_with_named_namespaces_the_operator_holds_nothing_outside_them(
    control_plane: ControlPlane, chart: Path, namespace: str
) -> None:
    flags = [f"--set=watchNamespaces={{{namespace}}}"]
    installed = install(control_plane, chart, "rbac-named", *flags)
    try:
        eventually(lambda: not installed.missing(namespace))
        assert not any(installed.rights(NEEDS, "default").values())
        assert not any(installed.rights(NEEDS, installed.namespace).values())
    finally:
        uninstall(installed)


def test_the_values_say_which_workloads_of_others_may_be_scaled(
    control_plane: ControlPlane, chart: Path
) -> None:
    group = "workloads.x-k8s.io"
    flags = [
        f"--set=scaleTargets[0].apiGroup={group}",
        "--set=scaleTargets[0].resources={rolebasedgroupscalingadapters}",
    ]
    installed = install(control_plane, chart, "rbac-targets", *flags)
    try:
        name = "rolebasedgroupscalingadapters"
        named = (
            Need("see it", group, name, ("get",)),
            Need("scale it", group, f"{name}/scale", ("get", "patch")),
        )
        eventually(lambda: all(installed.rights(named, "default").values()))
        others = Need("scale others", "apps", "statefulsets/scale", ("get", "patch"))
        assert not any(installed.rights((others,), "default").values())
    finally:
        uninstall(installed)


def test_of_secrets_the_operator_may_read_those_that_the_values_name(
    control_plane: ControlPlane, chart: Path
) -> None:
    flags = ["--set=prometheusTokenSecrets={prometheus-token}"]
    installed = install(control_plane, chart, "rbac-secrets", *flags)
    try:
        eventually(lambda: not installed.missing())
        named = Need("show a token", "", "secrets", ("get",), name="prometheus-token")
        assert all(installed.rights((named,), "default").values())
        others = (replace(named, name="other"), replace(named, name="", verbs=READ))
        assert not any(
            held for one in others for held in installed.rights((one,), "default").values()
        )
    finally:
        uninstall(installed)


def test_the_operator_may_hand_out_reading_pods_and_no_more(
    control_plane: ControlPlane, binaries: Programs, installed: Installed, namespace: str
) -> None:
    kubeconfig = control_plane.kubeconfig_for(installed.namespace, installed.name)
    operator = ClusterCommands(binaries, kubeconfig, control_plane.directory / "home")

    operator.kubectl("apply", "--server-side", "-f-", input_text=role(namespace, "pods"))
    with pytest.raises(CommandError, match="attempting to grant RBAC permissions not currently"):
        operator.kubectl("apply", "--server-side", "-f-", input_text=role(namespace, "secrets"))


async def test_under_its_own_account_the_operator_creates_and_restores_every_child(
    control_plane: ControlPlane, installed: Installed, namespace: str
) -> None:
    control_plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds"))
    example = str(ROOT / "examples" / "pdservice.yaml")
    eventually(lambda: control_plane.kubectl("apply", "-n", namespace, "-f", example))
    stored = json.loads(control_plane.kubectl("get", "pdis", "chat", "-n", namespace, "-o=json"))
    children = build_children(
        PDInferenceService.model_validate(stored), operator_image="pd-operator/operator:0.1.0"
    )
    kubeconfig = control_plane.kubeconfig_for(installed.namespace, installed.name)
    cluster = Cluster(config.new_client_from_config(config_file=str(kubeconfig)))

    for _ in range(2):  # the second time, each child is patched
        for child in children:
            await cluster.apply(child)
    await cluster.scale(DEPLOYMENT, namespace, "chat-prefill", 2)
    about = {key: stored["metadata"][key] for key in ("name", "namespace")}
    status = {"apiVersion": stored["apiVersion"], "kind": stored["kind"], "metadata": about}
    await cluster.apply({**status, "status": {"ratio": "1:1"}}, subresource="status")

    assert {child["kind"] for child in children} == {
        "Deployment", "PodDisruptionBudget", "Role", "RoleBinding", "Service", "ServiceAccount",
    }  # fmt: skip


async def test_under_its_own_account_the_operator_has_its_own_lease_and_no_other(
    control_plane: ControlPlane, installed: Installed
) -> None:
    kubeconfig = control_plane.kubeconfig_for(installed.namespace, installed.name)
    cluster = Cluster(config.new_client_from_config(config_file=str(kubeconfig)))
    times = ElectionTimes()

    own = LeaseStore(cluster, installed.namespace, installed.name, times)
    taken = await own.acquire(await own.read(), "me", 1)
    assert taken is not None
    assert await own.renew(taken) is not None
    for namespace, name in ((installed.namespace, "another"), ("default", installed.name)):
        with pytest.raises(ClusterError, match="forbidden"):
            await LeaseStore(cluster, namespace, name, times).read()
        bare = {"name": name, "namespace": namespace}
        header = {"apiVersion": LEASE.api_version, "kind": LEASE.name}
        with pytest.raises(ClusterError, match="forbidden"):
            await cluster.apply(header | {"metadata": bare})


def role(namespace: str, resource: str) -> str:
    return f"""
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: read-{resource}, namespace: {namespace}}}
rules:
  - apiGroups: [""]
    resources: [{resource}]
    verbs: [get, list, watch]
"""
