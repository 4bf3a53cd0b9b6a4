"""A stand-in for LeaderWorkerSet's controller, whose Go module the module proxy does not have.

What it does follows the documentation of kubernetes-sigs/lws, v1: a group is a leader
`NAME-GROUP` and its workers `NAME-GROUP-INDEX`, found by the label `worker-index`, 0 for a leader;
`/scale` counts groups, and its selector finds leaders; the highest group goes first, with all its
pods, whatever the deletion cost of any. Pods are Ready as soon as they are there, as no node runs
them.
"""

from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from pd_e2e.background import Background

Json = dict[str, Any]

GROUP, VERSION, PLURAL = "leaderworkerset.x-k8s.io", "v1", "leaderworkersets"
API_VERSION = f"{GROUP}/{VERSION}"
KEY = "leaderworkerset.sigs.k8s.io"
LOOK_SECONDS = 0.1


def leader_worker_set(name: str, replicas: int, size: int) -> Json:
    """So many groups of so many pods each."""
    return {
        "apiVersion": API_VERSION,
        "kind": "LeaderWorkerSet",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "leaderWorkerTemplate": {"size": size}},
    }


class LeaderWorkerSets(Background):
    """Keeps the groups of a namespace's sets, from entering the block to leaving it."""

    def __init__(self, api: client.ApiClient, namespace: str) -> None:
        super().__init__()
        self._sets = client.CustomObjectsApi(api)
        self._core = client.CoreV1Api(api)
        self._namespace = namespace

    def _run(self) -> None:
        while not self._done.wait(LOOK_SECONDS):
            listed: Any = self._sets.list_namespaced_custom_object(
                GROUP, VERSION, self._namespace, PLURAL
            )
            for one in listed["items"]:
                self._keep(one)

    def _keep(self, one: Json) -> None:
        name, wanted = one["metadata"]["name"], int(one["spec"]["replicas"])
        size = int(one["spec"]["leaderWorkerTemplate"]["size"])
        there = self._groups(name)
        for number in sorted(there, reverse=True):
            if number >= wanted:
                for pod in there.pop(number):
                    self._core.delete_namespaced_pod(pod, self._namespace, grace_period_seconds=0)
        for number in range(wanted):
            for index in range(size):
                if _pod_name(name, number, index) not in there.get(number, set()):
                    self._make(name, number, index)
        status = {
            "replicas": len(there),
            "readyReplicas": len(there),
            "updatedReplicas": len(there),
            "hpaPodSelector": f"{KEY}/name={name},{KEY}/worker-index=0",
        }
        if one.get("status") != status:
            self._sets.patch_namespaced_custom_object_status(
                GROUP, VERSION, self._namespace, PLURAL, name, {"status": status}
            )

    def _groups(self, name: str) -> dict[int, set[str]]:
        """The pods that are there, by the number of their group."""
        found: dict[int, set[str]] = {}
        selector = f"{KEY}/name={name}"
        listed: Any = self._core.list_namespaced_pod(self._namespace, label_selector=selector)
        for pod in listed.items:
            number = int(pod.metadata.labels[f"{KEY}/group-index"])
            found.setdefault(number, set()).add(pod.metadata.name)
        return found

    def _make(self, name: str, number: int, index: int) -> None:
        pod: Any = _pod(name, number, index)
        try:
            self._core.create_namespaced_pod(self._namespace, pod)
            self._core.patch_namespaced_pod_status(
                pod["metadata"]["name"], self._namespace, {"status": READY}
            )
        except ApiException as error:
            if error.status != 409:
                raise


READY: Json = {
    "phase": "Running",
    "podIP": "127.0.0.1",
    "podIPs": [{"ip": "127.0.0.1"}],
    "conditions": [
        {"type": kind, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        for kind in ("PodScheduled", "ContainersReady", "Ready")
    ],
    "containerStatuses": [
        {
            "name": "sglang",
            "image": "sglang",
            "imageID": "",
            "ready": True,
            "started": True,
            "restartCount": 0,
            "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
        }
    ],
}


def _pod_name(name: str, number: int, index: int) -> str:
    return f"{name}-{number}-{index}" if index else f"{name}-{number}"


def _pod(name: str, number: int, index: int) -> Json:
    labels = {
        f"{KEY}/name": name,
        f"{KEY}/group-index": str(number),
        f"{KEY}/worker-index": str(index),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _pod_name(name, number, index), "labels": labels},
        "spec": {"containers": [{"name": "sglang", "image": "sglang"}]},
    }
