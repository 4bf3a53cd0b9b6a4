"""What the pods of both pools and of the router have in common."""

from collections.abc import Mapping
from typing import Any

from pd_operator.actuation.children.merge import merge_template
from pd_operator.actuation.children.metadata import Manifest, metadata, selector
from pd_operator.api.names import LABEL_ROLE
from pd_operator.api.v1alpha1 import PDInferenceService

PRE_STOP_SECONDS = 5
"""Pause before SIGTERM. A pod that is deleted leaves the worker table, or the Service, at once;
what was sent to it in the moments before arrives while it still listens."""

END_IS_TOLD: Manifest = {"terminationMessagePolicy": "FallbackToLogsOnError"}
"""Of a container that ends with an error, the kubelet puts the end of the log into the pod's
status, where the operator reads why (2 kB at most). A template's own policy goes before it."""


def pod_template(
    labels: Mapping[str, str],
    role: str,
    pod_spec: Manifest,
    overlay: Mapping[str, Any],
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """A pod template with the user's laid over it, except for the labels we find the pods by."""
    own_labels = {**labels, LABEL_ROLE: role}
    own: Manifest = {"labels": own_labels}
    if annotations:
        own["annotations"] = dict(annotations)
    merged = merge_template({"metadata": own, "spec": pod_spec}, overlay)
    return merge_template(merged, {"metadata": {"labels": own_labels}})


def downward_env(name: str, field_path: str) -> Manifest:
    """An environment variable with a field of the pod itself."""
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": field_path}}}


def http_probe(path: str, port: str, **timing: int) -> Manifest:
    """A probe that wants an answer below 400 from an HTTP path."""
    return {"httpGet": {"path": path, "port": port}, **timing}


def pre_stop() -> Manifest:
    """The lifecycle hook that pauses before SIGTERM (kubelet's own sleep: needs no shell)."""
    return {"preStop": {"sleep": {"seconds": PRE_STOP_SECONDS}}}


def rolling_update(*, replace: bool = False) -> Manifest:
    """First the new pod, then the old one, never fewer than asked for; or the other way round."""
    surge, unavailable = (0, 1) if replace else (1, 0)
    return {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable},
    }


def disruption_budget(service: PDInferenceService, name: str, component: str) -> Manifest:
    """How many pods an eviction, such as a node's drain, may take at once: one of each pool.

    Whatever the pool's size: a minimum would go stale with every scaling.

    Pods that are not ready may always go: they serve nobody, and would block the drain.
    """
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(service, name, component),
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": selector(service, component)},
        },
    }
