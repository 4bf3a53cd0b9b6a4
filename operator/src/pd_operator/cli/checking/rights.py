"""What the caller may do with services."""

from pd_operator.actuation.cluster import Cluster, ClusterError
from pd_operator.actuation.kinds import PD_SERVICE
from pd_operator.api.names import GROUP
from pd_operator.cli.checking.findings import Finding, act, note, ok
from pd_operator.cli.kinds import SELF_SUBJECT_ACCESS_REVIEW

LOOK, CHANGE = ("get", "list", "watch"), ("create", "update", "patch", "delete")


async def rights(cluster: Cluster, namespace: str) -> Finding:
    """Whether the caller may look at services in a namespace, and change them."""
    try:
        allowed = [verb for verb in (*LOOK, *CHANGE) if await _may(cluster, namespace, verb)]
    except ClusterError as error:
        return note("your rights", f"The API server does not say what you may do: {error.message}")
    missing = [verb for verb in (*LOOK, *CHANGE) if verb not in allowed]
    where = f"PDInferenceServices in {namespace}"
    if not missing:
        return ok("your rights", f"You may look at {where} and change them.")
    if not set(missing) & set(LOOK):
        return note("your rights", f"You may look at {where}, but not {', '.join(missing)} them.")
    return act(
        "your rights",
        f"You may not {', '.join(missing)} {where}.",
        f"Have somebody bind you a role with these verbs on pdinferenceservices of {GROUP}.",
    )


async def _may(cluster: Cluster, namespace: str, verb: str) -> bool:
    attributes = {
        "namespace": namespace,
        "group": GROUP,
        "resource": PD_SERVICE.plural,
        "verb": verb,
    }
    review = {
        "apiVersion": SELF_SUBJECT_ACCESS_REVIEW.api_version,
        "kind": SELF_SUBJECT_ACCESS_REVIEW.name,
        "metadata": {},
        "spec": {"resourceAttributes": attributes},
    }
    answer = await cluster.create(SELF_SUBJECT_ACCESS_REVIEW, "", review)
    return bool((answer.get("status") or {}).get("allowed"))
