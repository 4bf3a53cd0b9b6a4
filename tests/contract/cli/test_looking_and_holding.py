"""What `kubectl pd` reads and writes at a real API server, whether or not an operator runs."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pd_e2e.cluster.controlplane import ControlPlane
from pd_operator.cli.kubectl_pd import app

pytestmark = pytest.mark.controlplane

SERVICE: dict[str, Any] = {
    "apiVersion": "serving.pd-operator.io/v1alpha1",
    "kind": "PDInferenceService",
    "metadata": {"name": "chat"},
    "spec": {
        "model": {"path": "org/model"},
        "engine": {"profile": {"name": "llama-3.1-8b-l40s"}},
        "objectives": {"ttft": {"milliseconds": 800}, "tpot": {"milliseconds": 40}},
        "prefill": {"maxReplicas": 8},
        "decode": {"maxReplicas": 8},
        "metrics": {"prometheusUrl": "http://127.0.0.1:1"},
    },
}
STATUS: dict[str, Any] = {
    "url": "http://chat.team.svc:30000",
    "history": [
        {
            "time": "2026-01-01T07:00:00Z",
            "role": "prefill",
            "before": 3,
            "after": 4,
            "reason": "ForecastLoad",
            "message": "Prefill goes from 3 to 4.",
            "decision": "5f0c9a1be27d",
        }
    ],
}


class Chat:
    """A service in a namespace of its own, and commands about it."""

    def __init__(self, api: ControlPlane, namespace: str) -> None:
        self._api = api
        self._namespace = namespace

    def kubectl(self, *arguments: str, input_text: str | None = None) -> str:
        return self._api.kubectl(
            *arguments, f"--namespace={self._namespace}", input_text=input_text
        )

    def pd(self, *arguments: str) -> Result:
        environment = {"KUBECONFIG": str(self._api.kubeconfig), "COLUMNS": "200"}
        return CliRunner(env=environment).invoke(app, [*arguments, "-n", self._namespace])

    def stored(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", "pdis", "chat", "--output=json"))
        return found


@pytest.fixture
def chat(api: ControlPlane, namespace: str) -> Chat:
    made = Chat(api, namespace)
    made.kubectl("apply", "--filename=-", input_text=json.dumps(SERVICE))
    made.kubectl(
        "patch",
        "pdis",
        "chat",
        "--subresource=status",
        "--type=merge",
        f"--patch={json.dumps({'status': STATUS})}",
    )
    return made


def test_what_the_status_remembers_is_stored_and_told(chat: Chat) -> None:
    assert "3 → 4" in chat.pd("history", "chat").output
    assert json.loads(chat.pd("history", "chat", "-o", "json").output) == [
        STATUS["history"][0] | {"advised": False}
    ]
    said = chat.pd("explain", "chat", "--at", "2026-01-01T08:00").output
    assert "prefill: 4 wanted since 2026-01-01 07:00:00" in said
    assert "http://chat.team.svc:30000" in chat.kubectl("get", "pdis", "chat", "--output=wide")


def test_pausing_marks_the_service_and_leaves_its_spec_alone(chat: Chat) -> None:
    before = chat.stored()
    assert chat.pd("pause", "chat", "--reason", "load test").exit_code == 0
    paused = chat.stored()
    marks = paused["metadata"]["annotations"]
    assert marks["serving.pd-operator.io/paused"] == "load test"
    assert marks["serving.pd-operator.io/paused-by"] == "admin"
    assert paused["spec"] == before["spec"]
    assert paused["metadata"]["generation"] == before["metadata"]["generation"]

    assert chat.pd("resume", "chat").exit_code == 0
    assert not [mark for mark in chat.stored()["metadata"]["annotations"] if "paused" in mark]


def test_a_service_that_is_not_there_is_not_paused(chat: Chat) -> None:
    answer = chat.pd("pause", "chart")
    assert answer.exit_code == 1
    assert "no PDInferenceService 'chart'" in answer.output


def test_top_shows_what_is_known_although_prometheus_is_out_of_reach(chat: Chat) -> None:
    said = chat.pd("top", "chat").output
    assert "prefill 3 → 4" in said
    assert "No load of the past: http://127.0.0.1:1 does not answer" in said


def test_check_says_what_is_missing_and_ends_with_an_error(chat: Chat) -> None:
    answer = chat.pd("check", "chat", "--operator", "default/nobody")
    assert answer.exit_code == 1
    said = " ".join(answer.output.split())
    assert "PDInferenceService v1alpha1 is served." in said
    assert "There is no Lease default/nobody" in said
    assert "You may look at PDInferenceServices" in said
    assert "No operator has taken this service." in said
    assert "Its profile is there" in said
