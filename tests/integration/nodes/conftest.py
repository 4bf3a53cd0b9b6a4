"""Pods of one container, made and looked at by the tests of the nodes.

run_pod(container, **spec)   Creates a pod named `pod` (or `name=`) whose container `main` runs the
                             image `python` with the given fields; returns nothing.
read_pod(name)               The pod as the API shows it.
main_status(name)            The status of its container `main`.
event_reasons(name)          Reasons of the Events about it.
output(name, container)      What the container has written in its present life.
is_alive(pid)                Whether a process of this machine runs.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pd_e2e.nodes.cluster import Cluster

Json = dict[str, Any]


@pytest.fixture
def run_pod(cluster: Cluster, namespace: str) -> Callable[..., None]:
    def run(container: Json, *, name: str = "pod", **spec: Any) -> None:
        main = {"name": "main", "image": "python:3", **container}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
            "spec": {"containers": [main], "terminationGracePeriodSeconds": 1, **spec},
        }
        cluster.control_plane.kubectl("create", "--filename=-", input_text=json.dumps(pod))

    return run


@pytest.fixture
def read_pod(cluster: Cluster, namespace: str) -> Callable[..., Json]:
    def read(name: str = "pod") -> Json:
        arguments = ("get", "pod", name, f"--namespace={namespace}", "--output=json")
        pod: Json = json.loads(cluster.control_plane.kubectl(*arguments))
        return pod

    return read


@pytest.fixture
def main_status(read_pod: Callable[..., Json]) -> Callable[..., Json]:
    def status(name: str = "pod") -> Json:
        (found,) = read_pod(name)["status"]["containerStatuses"]
        return dict(found)

    return status


@pytest.fixture
def event_reasons(cluster: Cluster, namespace: str) -> Callable[..., set[str]]:
    def reasons(name: str = "pod") -> set[str]:
        arguments = ("get", "events", f"--namespace={namespace}", "--output=json")
        events = json.loads(cluster.control_plane.kubectl(*arguments))["items"]
        return {event["reason"] for event in events if event["involvedObject"]["name"] == name}

    return reasons


@pytest.fixture
def output(cluster: Cluster, namespace: str) -> Callable[..., str]:
    def read(name: str = "pod", container: str = "main") -> str:
        return cluster.nodes.pod_log(namespace, name, container).read_text()

    return read


@pytest.fixture
def is_alive() -> Callable[[int], bool]:
    def check(pid: int) -> bool:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except FileNotFoundError:
            return False
        return "State:\tZ" not in status

    return check
