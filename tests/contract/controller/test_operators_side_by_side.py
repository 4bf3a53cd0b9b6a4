"""Operators as processes against the real API server: two of them, and what none can make."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.integration.operator.installed import own_metric

from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.ports import free_ports
from pd_e2e.cluster.waiting import eventually

pytestmark = pytest.mark.controlplane

CRDS = Path(__file__).parents[3] / "crds"
MISSPELLED = {"spec": {"containers": [{"name": "engine", "resourcs": {}}]}}


class OperatorProcess:
    """`pd-operator run`, as an installation of its own."""

    def __init__(self, name: str, namespace: str, kubeconfig: Path, log: Path) -> None:
        (port,) = free_ports(1)
        self.log = log
        self._url = f"http://127.0.0.1:{port}"
        environment = os.environ | {
            "KUBECONFIG": str(kubeconfig),
            "POD_NAMESPACE": namespace,
            "PD_OPERATOR_NAME": name,
        }
        command = [
            *(sys.executable, "-m", "pd_operator.cli.operator", "run"),
            *("--namespace", namespace, "--listen", f"127.0.0.1:{port}"),
        ]
        with log.open("wb") as output:
            self._process = subprocess.Popen(command, env=environment, stderr=output)

    def ticks(self, service: str, result: str) -> float:
        return self.metric("ticks_total", service=service, result=result)

    def stands_by(self, service: str) -> bool:
        return bool(self.metric("managed_elsewhere", service=service))

    def metric(self, name: str, **labels: str) -> float:
        return own_metric(self._url, name, **labels)

    def await_ticks(self, service: str, count: int, result: str = "ok") -> None:
        """Wait until there have been so many in all; first of all, for the operator to listen."""
        eventually(lambda: self.ticks(service, result) >= count, timeout_seconds=120)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)


class Namespace:
    """A namespace with PDInferenceServices, as kubectl sees it."""

    def __init__(self, control_plane: ControlPlane, namespace: str) -> None:
        self._api = control_plane
        self.name = namespace

    def kubectl(self, *arguments: str, input_text: str | None = None) -> str:
        return self._api.kubectl(*arguments, f"--namespace={self.name}", input_text=input_text)

    def serve(self, name: str, **template: Any) -> None:
        pool = {"maxReplicas": 2, "template": template}
        service = {
            "apiVersion": "serving.pd-operator.io/v1alpha1",
            "kind": "PDInferenceService",
            "metadata": {"name": name},
            "spec": {
                "model": {"path": "org/model"},
                "engine": {"profile": {"name": "llama-3.1-8b-l40s"}},
                "objectives": {"ttft": {"milliseconds": 1000}, "tpot": {"milliseconds": 40}},
                "prefill": pool,
                "decode": pool,
                "autoscaling": {"periodSeconds": 2, "forecast": {"resolutionSeconds": 5}},
                "metrics": {"prometheusUrl": "http://127.0.0.1:9", "scrapeIntervalSeconds": 1},
            },
        }
        self.kubectl("apply", "--filename=-", input_text=json.dumps(service))

    def items(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.kubectl("get", kind, "--output=json"))[
            "items"
        ]
        return found

    def generations(self) -> dict[str, int]:
        return {
            one["metadata"]["name"]: one["metadata"]["generation"]
            for one in self.items("deployments")
        }

    def services(self) -> dict[str, Any]:
        return {one["metadata"]["name"]: one["spec"] for one in self.items("services")}

    def managed_by(self, name: str) -> str:
        stored = json.loads(self.kubectl("get", "pdis", name, "--output=json"))
        return str(stored["status"]["managedBy"]["operator"])

    def ready(self, name: str) -> dict[str, str]:
        stored = json.loads(self.kubectl("get", "pdis", name, "--output=json"))
        (ready,) = [one for one in stored["status"]["conditions"] if one["type"] == "Ready"]
        return dict(ready)

    def events(self, service: str, reason: str) -> list[str]:
        return [
            one["message"]
            for one in self.items("events")
            if (one["involvedObject"]["name"], one["reason"]) == (service, reason)
        ]


Start = Callable[[str], OperatorProcess]


@pytest.fixture
def team(control_plane: ControlPlane, namespace: str) -> Namespace:
    control_plane.serve_crds(CRDS)
    return Namespace(control_plane, namespace)


@pytest.fixture
def start(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[Start]:
    """Starts an operator of a name; all are stopped at the end."""
    with ExitStack() as stack:

        def start(name: str) -> OperatorProcess:
            log = tmp_path / f"{name}.log"
            process = OperatorProcess(name, namespace, control_plane.kubeconfig, log)
            stack.callback(process.stop)
            return process

        yield start


def test_of_two_operators_one_runs_the_service_and_the_other_stands_still(
    team: Namespace, start: Start
) -> None:
    team.serve("chat")
    first = start("one")
    eventually(lambda: len(team.generations()) == 3, timeout_seconds=60)
    first.await_ticks("chat", 2)
    assert team.managed_by("chat") == f"{team.name}/one"
    before = team.generations()

    second = start("two")
    eventually(lambda: team.events("chat", "ManagedElsewhere"), timeout_seconds=60)
    first.await_ticks("chat", int(first.ticks("chat", "ok")) + 3)
    second.await_ticks("chat", 4)
    assert team.generations() == before
    (said,) = team.events("chat", "ManagedElsewhere")
    assert f"{team.name}/one" in said
    assert f"{team.name}/two" in said
    assert team.managed_by("chat") == f"{team.name}/one"
    assert (first.stands_by("chat"), second.stands_by("chat")) == (False, True)
    assert second.log.read_text().count("ManagedElsewhere") <= 1


def test_services_that_cannot_be_made_are_told_once_and_leave_the_others_alone(
    team: Namespace, start: Start
) -> None:
    operator = start("one")
    team.serve("chat")
    eventually(lambda: len(team.generations()) == 3, timeout_seconds=60)
    before = team.services()
    team.serve("chat-prefill")
    team.serve("broken", **MISSPELLED)
    operator.await_ticks("chat-prefill", 3, "refused")
    operator.await_ticks("broken", 2, "refused")

    meets, misspelled = team.ready("chat-prefill"), team.ready("broken")
    assert (meets["status"], meets["reason"]) == ("False", "ChildrenRefused")
    assert "Service chat-prefill belongs to PDInferenceService chat" in meets["message"]
    assert (misspelled["status"], misspelled["reason"]) == ("False", "ChildrenRefused")
    assert '.spec.template.spec.containers[name="engine"].resourcs' in misspelled["message"]
    for name in ("chat-prefill", "broken"):
        assert len(team.events(name, "ChildrenRefused")) == 1
        lines = operator.log.read_text().splitlines()
        (line,) = [line for line in lines if f"/{name} failed" in line]
        assert len(line) < 1000
    after = team.services()
    assert {name: after[name] for name in before} == before
