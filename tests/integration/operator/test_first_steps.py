"""What somebody meets who applies a first PDInferenceService."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.waiting import eventually
from pd_operator.api.conditions import ConditionType
from pd_operator.api.names import LABEL_SERVICE
from pd_operator.api.roles import Role

from .service import NAME, RunningService
from .traffic import ask

pytestmark = pytest.mark.controlplane

KUBECTL_PD = Path(sys.executable).with_name("kubectl-pd")


def kubectl_pd(control_plane: ControlPlane, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [KUBECTL_PD, *arguments],
        env={**os.environ, **control_plane.commands.environment()},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_child_exists_and_belongs_to_the_service(chat: RunningService) -> None:
    kinds = "deployments,services,poddisruptionbudgets,serviceaccounts,roles,rolebindings"
    selector = f"--selector={LABEL_SERVICE}={NAME}"
    children = json.loads(chat.kubectl("get", kinds, selector, "--output=json"))["items"]

    names = {f"{child['kind']}/{child['metadata']['name']}" for child in children}
    assert names == {
        *(f"Deployment/{NAME}-{part}" for part in ("prefill", "decode", "router")),
        *(f"PodDisruptionBudget/{NAME}-{part}" for part in ("prefill", "decode", "router")),
        *(f"Service/{name}" for name in (NAME, f"{NAME}-prefill", f"{NAME}-decode")),
        *(f"{kind}/{NAME}-router" for kind in ("ServiceAccount", "Role", "RoleBinding")),
    }
    owners = {child["metadata"]["ownerReferences"][0]["uid"] for child in children}
    assert owners == {chat.resource().metadata.uid}


def test_a_streamed_chat_request_is_answered_through_the_router(chat: RunningService) -> None:
    assert ask(chat.router_url, tokens=20) == 20


def test_the_status_says_something_of_every_condition(chat: RunningService) -> None:
    chat.await_condition(ConditionType.METRICS_AVAILABLE, "True", "MetricsRead")
    resource = chat.resource()

    conditions = resource.status.conditions
    assert [condition.type for condition in conditions] == [kind.value for kind in ConditionType]
    assert all(condition.message for condition in conditions)
    assert "NotYetObserved" not in {condition.reason for condition in conditions}
    assert chat.condition(ConditionType.READY).reason == "Serving"
    assert chat.condition(ConditionType.CAPACITY_AVAILABLE).reason == "AllScheduled"
    assert resource.status.observed_generation == resource.metadata.generation
    for role in Role:
        pool = chat.pool_status(role)
        assert (pool.current, pool.ready, pool.starting, pool.draining) == (1, 1, 0, 0)


def test_kubectl_get_shows_the_pools_and_why(chat: RunningService) -> None:
    header, row = chat.kubectl("get", "pdis").splitlines()

    shown = dict(zip(header.split(), row.split(), strict=True))
    assert list(shown) == [
        *("NAME", "READY", "PREFILL", "DECODE", "RATIO", "FORECAST", "ATTAINMENT", "REASON", "AGE")
    ]
    assert (shown["READY"], shown["PREFILL"], shown["DECODE"]) == ("True", "1/1", "1/1")


def test_explain_prints_the_decision_link_by_link(
    chat: RunningService, control_plane: ControlPlane
) -> None:
    eventually(lambda: chat.status.last_decision)
    told = kubectl_pd(control_plane, "explain", NAME, "-n", chat.namespace)

    assert told.returncode == 0, told.stderr
    assert f"{chat.namespace}/{NAME}" in told.stdout
    links = ("Forecast", "Guard", "Present", "Stabilization", "RateLimit", "Bounds", "Budget")
    places = [told.stdout.index(f"\n{link} ") for link in links]
    assert places == sorted(places)
    assert "Serving" in told.stdout


def test_explain_gives_json_to_programs(chat: RunningService, control_plane: ControlPlane) -> None:
    told = kubectl_pd(control_plane, "explain", NAME, "-n", chat.namespace, "-o", "json")

    assert told.returncode == 0, told.stderr
    status = json.loads(told.stdout)
    assert status["prefill"]["ready"] == 1
    assert {link["name"] for link in status["lastDecision"]["links"]} >= {"Forecast", "Budget"}


def test_explain_of_a_service_that_is_not_there_says_how_to_find_one(
    chat: RunningService, control_plane: ControlPlane
) -> None:
    told = kubectl_pd(control_plane, "explain", "chatt", "-n", chat.namespace)

    assert told.returncode == 1
    assert f"no PDInferenceService 'chatt' in namespace '{chat.namespace}'" in told.stderr
    assert "kubectl get pdis -A" in told.stderr
