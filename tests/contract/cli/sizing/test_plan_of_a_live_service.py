"""`kubectl pd plan NAME`: spec and status from an API server, the load from a Prometheus."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from tests.contract.telemetry.conftest import running_prometheus
from tests.contract.telemetry.written import (
    BEGIN,
    SCRAPE,
    Written,
    write_lengths,
    write_requests,
)

from pd_e2e.cluster.binaries import Programs
from pd_e2e.cluster.controlplane import ControlPlane

pytestmark = pytest.mark.controlplane

CRDS = Path(__file__).parents[4] / "crds"
KUBECTL_PD = Path(sys.executable).with_name("kubectl-pd")
NAMESPACE = "planned"
RATE = 20.0
MARGIN_SECONDS = 3600

Json = dict[str, Any]
Planned = subprocess.CompletedProcess[str]
Plan = Callable[..., Planned]


@pytest.fixture(scope="module")
def url(binaries: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus with a steady load of the service, from before now until long after."""
    now = (int(time.time()) - BEGIN) // SCRAPE * SCRAPE
    times = range(now - MARGIN_SECONDS, now + MARGIN_SECONDS, SCRAPE)
    page = Written()
    write_requests(page, "chat", RATE, times)
    write_lengths(page, "chat", RATE, times)
    directory = tmp_path_factory.mktemp("prometheus")
    lines = "\n".join(page.lines).replace('namespace="team"', f'namespace="{NAMESPACE}"')
    with running_prometheus(binaries, directory, lines) as (address, _):
        yield address


@pytest.fixture(scope="module")
def place(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """A cluster with the namespace that the written load is of."""
    control_plane.serve_crds(CRDS)
    control_plane.kubectl("create", "namespace", NAMESPACE)
    yield control_plane
    control_plane.kubectl("delete", "namespace", NAMESPACE)


@pytest.fixture
def chat(place: ControlPlane) -> Iterator[Json]:
    """The service as it was applied."""
    spec = {
        "model": {"path": "org/model"},
        "engine": {
            "profile": {"configMapRef": {"name": "mine"}},
            "transferGigabitsPerSecond": 400,
        },
        "objectives": {"ttft": {"milliseconds": 800}, "tpot": {"milliseconds": 25}},
        "prefill": {"maxReplicas": 6, "tensorParallelSize": 4},
        "decode": {"maxReplicas": 5, "minReplicas": 2, "tensorParallelSize": 8},
        "router": {"prefillPolicy": "RoundRobin"},
        "autoscaling": {"gpuBudget": 64},
        "metrics": {"prometheusUrl": "http://prometheus.nowhere:9090"},
    }
    service = {
        "apiVersion": "serving.pd-operator.io/v1alpha1",
        "kind": "PDInferenceService",
        "metadata": {"name": "chat", "namespace": NAMESPACE},
        "spec": spec,
    }
    profile = files("pd_operator.performance") / "profiles" / "llama-3.1-70b-h100.json"
    place.kubectl(
        *("create", "configmap", "mine", f"--namespace={NAMESPACE}"),
        f"--from-file=profile.json={profile}",
    )
    place.kubectl("apply", "--filename=-", input_text=json.dumps(service))
    yield service
    place.kubectl("delete", "pdis/chat", "configmap/mine", f"--namespace={NAMESPACE}")


@pytest.fixture
def plan(place: ControlPlane, chat: Json) -> Plan:
    """Runs the command as a user's shell does."""

    def run(*arguments: str, name: str = "chat") -> Planned:
        return subprocess.run(
            [KUBECTL_PD, "plan", name, f"--namespace={NAMESPACE}", *arguments],
            env={**os.environ, "KUBECONFIG": str(place.kubeconfig)},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


def figures(done: Planned) -> Json:
    assert done.returncode == 0, done.stderr
    document: Json = json.loads(done.stdout)
    return document


def test_the_load_is_measured_and_all_else_is_the_services_own(plan: Plan, url: str) -> None:
    planned = figures(plan("--prometheus", url, "-o", "json"))

    load = planned["load"]
    assert load["source"] == "Prometheus, the last 5 minutes"
    assert load["requestsPerSecond"] == pytest.approx(RATE, rel=0.01)
    assert load["promptTokensMean"] == pytest.approx(1100, rel=0.01)
    assert load["outputTokensMean"] == pytest.approx(50, rel=0.01)
    assert (planned["profile"], planned["router"]) == ("mine/profile.json", "RoundRobin")
    prefill, decode = planned["prefill"], planned["decode"]
    assert (prefill["tensorParallelSize"], decode["tensorParallelSize"]) == (4, 8)
    assert prefill["objective"] == {"percentile": 90, "seconds": 0.8}
    assert decode["workers"] == 2, "the fewest allowed, which are more than so short answers need"
    assert decode["limitedBy"] == "Minimum"
    assert prefill["predictedSeconds"]["p90"] < 0.8


def test_without_a_prometheus_the_load_is_that_of_the_status(
    plan: Plan, place: ControlPlane
) -> None:
    none = plan("-o", "json")
    assert none.returncode == 1
    assert "service 'chat' has no measured load yet" in none.stderr

    seen = {
        "milliRequestsPerSecond": 7500,
        "promptTokensPerSecond": 7500,
        "outputTokensPerSecond": 1500,
        "meanPromptTokens": 1000,
        "meanOutputTokens": 200,
    }
    place.kubectl(
        *(
            "patch",
            "pdis",
            "chat",
            f"--namespace={NAMESPACE}",
            "--subresource=status",
            "--type=merge",
        ),
        f"--patch={json.dumps({'status': {'demand': seen}})}",
    )
    load = figures(plan("-o", "json"))["load"]
    assert (load["source"], load["requestsPerSecond"]) == ("the service's status", 7.5)


def test_sizes_left_to_the_operator_are_planned_as_it_would_choose_them(
    plan: Plan, place: ControlPlane, chat: Json, url: str
) -> None:
    chat["spec"]["parallelism"] = "AutoPerRole"
    for pool in ("prefill", "decode"):
        del chat["spec"][pool]["tensorParallelSize"]
    place.kubectl("apply", "--filename=-", input_text=json.dumps(chat))

    planned = figures(plan("--prometheus", url, "-o", "json"))
    assert planned["decode"]["tensorParallelSize"] == 4
    assert (
        planned["gpus"]
        < figures(plan("--prometheus", url, "--tp-prefill=8", "--tp-decode=8", "-o", "json"))[
            "gpus"
        ]
    )


def test_the_plan_applies_again_with_the_profile_that_the_service_has(
    plan: Plan, place: ControlPlane, url: str
) -> None:
    written = plan("--prometheus", url, "-o", "yaml")
    assert written.returncode == 0, written.stderr
    said = place.kubectl(
        *("apply", f"--namespace={NAMESPACE}", "--filename=-", "--dry-run=server", "--output=json"),
        input_text=written.stdout,
    )
    spec = json.loads(said)["spec"]
    assert spec["engine"]["profile"] == {"configMapRef": {"name": "mine", "key": "profile.json"}}
    assert spec["engine"]["transferGigabitsPerSecond"] == 400
    assert (spec["prefill"]["tensorParallelSize"], spec["decode"]["tensorParallelSize"]) == (4, 8)


def test_what_is_not_there_is_one_line(plan: Plan, place: ControlPlane, url: str) -> None:
    missing = plan(name="chatt")
    assert missing.returncode == 1
    assert f"no PDInferenceService 'chatt' in namespace '{NAMESPACE}'" in missing.stderr

    away = plan("--prometheus", "http://127.0.0.1:9")
    assert away.returncode == 1
    assert away.stderr.startswith("error: Prometheus: ")
    assert len(away.stderr.splitlines()) == 1

    place.kubectl("delete", "configmap/mine", f"--namespace={NAMESPACE}")
    gone = plan("--prometheus", url)
    place.kubectl("create", "configmap", "mine", f"--namespace={NAMESPACE}")
    assert gone.returncode == 1
    assert gone.stderr == f"error: there is no ConfigMap 'mine' in namespace '{NAMESPACE}'\n"
