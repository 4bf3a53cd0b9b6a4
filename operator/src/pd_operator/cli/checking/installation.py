"""Whether pd-operator is installed and at work: its kind, its Lease, the monitors' kinds."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import cast

from pd_operator.actuation.cluster import Cluster, ClusterError, Object
from pd_operator.actuation.kinds import LEASE, PD_SERVICE, POD, POD_MONITOR
from pd_operator.api.crd import custom_resource_definition
from pd_operator.api.names import CRD_NAME, VERSION
from pd_operator.api.pods import Pod
from pd_operator.cli.checking.findings import Finding, act, note, ok
from pd_operator.cli.kinds import CRD
from pd_operator.telemetry.trouble import waiting_reason

INSTALL = "helm install pd-operator charts/pd-operator -n pd-operator-system --create-namespace"

OPERATOR_PODS = {
    "app.kubernetes.io/part-of": "pd-operator",
    "app.kubernetes.io/component": "operator",
}
"""As the chart labels them."""


async def installation(cluster: Cluster, operator: str) -> AsyncIterator[Finding]:
    """The pieces that all services share. `operator`: namespace and name of its Lease."""
    yield await _crd(cluster)
    yield await _operator(cluster, operator)
    yield await _monitors(cluster)


async def _crd(cluster: Cluster) -> Finding:
    if not await cluster.serves(PD_SERVICE):
        return act("CRD", "The kind PDInferenceService is not served.", INSTALL)
    try:
        stored = await cluster.get(CRD, "", CRD_NAME)
    except ClusterError:
        stored = None
    if stored is None or _fields(stored) == _fields(custom_resource_definition()):
        return ok("CRD", f"PDInferenceService {VERSION} is served.")
    return note(
        "CRD",
        "PDInferenceService is served, in another version's fields than this command knows.",
        "Bring chart and kubectl-pd to one version.",
    )


def _fields(crd: Object) -> set[str]:
    """The fields of spec and status, two levels deep: a new one is how versions differ."""
    found: set[str] = set()
    versions = {version["name"]: version for version in crd["spec"]["versions"]}
    properties = versions[VERSION]["schema"]["openAPIV3Schema"]["properties"]
    for part in ("spec", "status"):
        for name, field in properties[part].get("properties", {}).items():
            found.add(f"{part}.{name}")
            found |= {f"{part}.{name}.{inner}" for inner in field.get("properties", {})}
    return found


async def _operator(cluster: Cluster, operator: str) -> Finding:
    namespace, _, name = operator.partition("/")
    try:
        lease = await cluster.get(LEASE, namespace, name)
    except ClusterError as error:
        return note("operator", f"Its Lease {operator} may not be read: {error.message}")
    silence = _silence(lease, operator)
    if lease is not None and not silence:
        holder = lease["spec"]["holderIdentity"]
        return ok("operator", f"{holder} holds the Lease {operator} and acts.")
    words = await _pods(cluster, namespace)
    look = f"kubectl -n {namespace} get pods; --operator NAMESPACE/NAME where it is another one"
    return act("operator", f"{silence} {words}".rstrip(), look)


def _silence(lease: Object | None, operator: str) -> str:
    """Why a Lease shows no operator at work; empty where one is."""
    if lease is None:
        return f"There is no Lease {operator}: no operator runs there."
    spec = lease.get("spec") or {}
    holder, renewed = spec.get("holderIdentity"), spec.get("renewTime")
    if not holder or not renewed:
        return (
            f"Nobody holds the Lease {operator}: no pod acts. One that has just started takes it "
            "after the time that a Lease lasts, 15 s by default."
        )
    age = (datetime.now(UTC) - datetime.fromisoformat(renewed)).total_seconds()
    if age > 2 * float(spec.get("leaseDurationSeconds") or 0):
        return f"{holder} has not renewed its Lease for {age:.0f} s."
    return ""


async def _pods(cluster: Cluster, namespace: str) -> str:
    """Why the operator's pods do not run, in Kubernetes' own words; empty where none are told."""
    try:
        pods = await cluster.select(POD, namespace, OPERATOR_PODS)
    except ClusterError:
        return ""
    if not pods:
        return f"It has no pods in {namespace}."
    words = dict.fromkeys(filter(None, (waiting_reason(cast("Pod", pod)) for pod in pods)))
    return " ".join(f"Its pod: {each}." for each in words)


async def _monitors(cluster: Cluster) -> Finding:
    if await cluster.serves(POD_MONITOR):
        return ok("monitors", "PodMonitors are served: each service gets one.")
    return note(
        "monitors",
        "PodMonitors are not served, so nothing tells Prometheus of the pods.",
        "Add the scrape jobs of docs/operations.md, Prometheus, unless they are there.",
    )
