"""How many pods an eviction (a node drain, for instance) may take at once."""

from pd_operator.actuation.children.metadata import Manifest, metadata, selector
from pd_operator.api.v1alpha1 import PDInferenceService


def disruption_budget(service: PDInferenceService, name: str, component: str) -> Manifest:
    """One pod at a time, whatever the pool's size: a minimum would go stale with every scaling.

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
