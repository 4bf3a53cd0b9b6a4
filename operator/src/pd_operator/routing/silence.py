"""Workers whose node has fallen silent: since when, and for how long that is borne.

The node controller marks the pods of a silent node `Ready=False`, while `ContainersReady` keeps the
kubelet's last word. After an outage of the API server it does so to pods of healthy nodes too, one
after the other, until their kubelets have renewed their leases.
"""

from collections.abc import Iterable, Mapping

from pd_operator.api.pods import Pod, holds

BORNE_SECONDS = 20.0
"""A healthy kubelet speaks within that: twice its interval for a node's lease and status, 10 s.

The node was silent for forty seconds already before its pods were marked, and the router's own
health checks leave out a worker that does not answer.
"""


def is_silent(pod: Pod) -> bool:
    """Whether the node's silence alone takes this pod off its service."""
    return holds(pod, "ContainersReady") and not holds(pod, "Ready")


def silent_since(
    before: Mapping[str, float], pods: Iterable[Pod], now_seconds: float
) -> dict[str, float]:
    """Since when each pod that is silent now has been seen so, by uid; `before` is the last look's.

    Times are of one clock, the caller's.
    """
    uids = [pod["metadata"]["uid"] for pod in pods if is_silent(pod)]
    return {uid: before.get(uid, now_seconds) for uid in uids}


def given_up(since: Mapping[str, float], now_seconds: float) -> frozenset[str]:
    """The uids of pods that have been silent for too long."""
    return frozenset(uid for uid, begun in since.items() if now_seconds - begun >= BORNE_SECONDS)
