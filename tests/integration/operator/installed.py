"""The operator as its administrator sees it: installed by helm, a pod with a log and metrics."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
from kubernetes import client
from prometheus_client.parser import text_string_to_metric_families

from pd_e2e.cluster.waiting import eventually
from pd_e2e.nodes.cluster import Cluster
from pd_operator.api.pods import holds, terminating

CHART = Path(__file__).resolve().parents[3] / "charts" / "pd-operator"
NAMESPACE = "pd-operator-system"
NAME = "pd-operator"
PORT = 8080

Json = dict[str, Any]


class InstalledOperator:
    """The chart's release in one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._core = client.CoreV1Api(cluster.control_plane.admin)

    def install(self, *settings: str) -> None:
        """Install the chart, with more `settings` of helm's `--set`."""
        # Tests before these may have put the CRD there by hand. Two cores have no room for a second
        # pod all the time.
        flags = ["--take-ownership", "--force-conflicts", "--set=log.format=text,replicas=1"]
        self._cluster.control_plane.helm(
            "install", NAME, str(CHART), f"--namespace={NAMESPACE}", "--create-namespace",
            *flags, *(f"--set={one}" for one in settings), "--wait", "--timeout=120s",
        )  # fmt: skip
        self.await_leader()

    def await_leader(self) -> None:
        """Wait until a pod acts; of a new installation, for as long as a Lease lasts."""
        eventually(lambda: self.metric("leader") == 1, timeout_seconds=60)

    def stop(self) -> None:
        self._scale(0)
        eventually(lambda: not self._pods(), timeout_seconds=60)

    def start(self) -> None:
        self._scale(1)
        self.await_leader()

    def stand_by(self, pods: int) -> None:
        """Run so many pods, all of them Ready."""
        self._scale(pods)
        eventually(lambda: len(self.pods()) == pods, timeout_seconds=90)

    def pods(self) -> dict[str, Json]:
        """The ready pods, by name."""
        return {
            pod["metadata"]["name"]: pod
            for pod in self._pods()
            if holds(pod, "Ready") and not terminating(pod)
        }

    def pod(self) -> Json:
        """The one ready pod; of several, the one that leads."""
        pods = self.pods()
        if len(pods) > 1:
            return pods[self.holder()]
        (pod,) = pods.values()
        return pod

    def holder(self) -> str:
        """The pod that the Lease names, ready or not; empty where it names none."""
        return self.leader().partition("_")[0]

    def leader(self) -> str:
        """The process that the Lease names: another one after each restart of a pod."""
        lease = client.CoordinationV1Api(self._core.api_client).read_namespaced_lease(
            NAME, NAMESPACE
        )
        return (lease.spec.holder_identity or "") if lease.spec else ""

    def process(self, pod: str) -> int:
        """The process id of the operator in a pod."""
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command = (folder / "cmdline").read_bytes().split(b"\0")
                environment = (folder / "environ").read_bytes().split(b"\0")
                if b"--lease-times" in command and f"POD_NAME={pod}".encode() in environment:
                    return int(folder.name)
        raise AssertionError(f"no process of pod {pod}")

    def delete(self, pod: str) -> None:
        """Delete a pod, as a node drain does."""
        self._cluster.control_plane.kubectl(
            "delete", "pod", pod, f"--namespace={NAMESPACE}", "--wait=false"
        )

    def restarts(self) -> int:
        (status,) = self.pod()["status"]["containerStatuses"]
        return int(status["restartCount"])

    def log(self) -> str:
        return self.log_of(self.pod()["metadata"]["name"]).read_text()

    def log_of(self, pod: str) -> Path:
        """Where a pod's log is."""
        return self._cluster.nodes.pod_log(NAMESPACE, pod, "operator")

    @property
    def url(self) -> str:
        """Where it serves its probes and metrics, which takes no API server to ask."""
        return f"http://{self.pod()['status']['podIP']}:{PORT}"

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the operator's own series with these labels; 0 where there is none."""
        return own_metric(self.url, name, **labels)

    def await_ticks(self, namespace: str, count: int) -> None:
        """Wait until the services of a namespace have been ticked so many times more."""
        before = self.metric("ticks_total", namespace=namespace)
        eventually(
            lambda: self.metric("ticks_total", namespace=namespace) >= before + count,
            timeout_seconds=30 + 10 * count,
        )

    def _scale(self, replicas: int) -> None:
        self._cluster.control_plane.kubectl(
            "scale", "deployment", NAME, f"--namespace={NAMESPACE}", f"--replicas={replicas}"
        )

    def _pods(self) -> list[Json]:
        selector = f"app.kubernetes.io/name={NAME}"
        found = self._core.list_namespaced_pod(NAMESPACE, label_selector=selector)
        pods: list[Json] = self._core.api_client.sanitize_for_serialization(found)["items"]
        return pods


def own_metric(url: str, name: str, **labels: str) -> float:
    """The same of an operator at a known address."""
    answer = requests.get(f"{url}/metrics", timeout=5)
    answer.raise_for_status()
    return sum(
        sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == f"pd_operator_{name}" and labels.items() <= sample.labels.items()
    )
