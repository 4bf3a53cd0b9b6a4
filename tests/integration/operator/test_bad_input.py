"""What only running can tell of a spec: said in a condition with a hint, workers untouched.

The service begins with two decode workers, of which one goes at once when the minimum falls and
the load is known. With each bad input the minimum does fall: whoever takes what is not known for
no load removes a worker.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pd_e2e.cluster.binaries import Programs
from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.ports import LOOPBACK, free_ports
from pd_e2e.cluster.prometheus import Prometheus
from pd_e2e.cluster.waiting import eventually
from pd_operator.api.conditions import ConditionType
from pd_operator.api.names import pool_name
from pd_operator.api.roles import Role
from pd_operator.performance import bundled_profile_names

from .installed import InstalledOperator
from .service import NAME, RunningService, template
from .traffic import ask

pytestmark = pytest.mark.controlplane

CHAT = {
    "decode": {"minReplicas": 2},
    "autoscaling": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}},
}
GOOD_PROFILE = {"name": "llama-3.1-8b-l40s", "configMapRef": None}


def deployments(chat: RunningService) -> dict[str, Any]:
    return {role: chat.get("deployment", pool_name(NAME, role))["spec"] for role in Role}


@pytest.fixture
def untouched(chat: RunningService, operator: InstalledOperator) -> Callable[[], None]:
    """Holds that workers and Deployments are what they were when the test began."""
    workers, before = chat.workers(), deployments(chat)

    def hold() -> None:
        operator.await_ticks(chat.namespace, 2)
        assert chat.workers() == workers
        assert deployments(chat) == before
        assert chat.draining(Role.DECODE) == []
        assert ask(chat.router_url, tokens=3) == 3

    return hold


@contextmanager
def edited(chat: RunningService, bad: dict[str, Any], good: dict[str, Any]) -> Iterator[None]:
    """The spec with `bad` in it, and with `good` again afterwards."""
    chat.edit(**bad, decode={"minReplicas": 1})
    try:
        yield
    finally:
        chat.edit(**good, decode={"minReplicas": 2})


@contextmanager
def profile(chat: RunningService, reference: dict[str, Any]) -> Iterator[None]:
    with edited(chat, {"engine": {"profile": reference}}, {"engine": {"profile": GOOD_PROFILE}}):
        yield
    complaints = ("UnknownProfile", "ProfileInvalid")
    eventually(lambda: chat.condition(ConditionType.SLO_FEASIBLE).reason not in complaints)


def test_an_unknown_profile_is_answered_with_the_names_there_are(
    chat: RunningService, untouched: Callable[[], None]
) -> None:
    with profile(chat, {"name": "llama-9-h900"}):
        said = chat.await_condition(ConditionType.SLO_FEASIBLE, "False", "UnknownProfile")
        assert "llama-9-h900" in said.message
        assert all(name in said.message for name in bundled_profile_names())
        untouched()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({"profile.json": "{"}, "JSON"),
        ({"profile.json": "{}"}, "schema: is missing"),
        ({"other.json": "{}"}, "has no key 'profile.json'"),
        (None, "does not exist"),
    ],
    ids=["no JSON", "no profile", "no such key", "no ConfigMap"],
)
def test_a_broken_profile_in_a_config_map_is_named(
    chat: RunningService,
    untouched: Callable[[], None],
    content: dict[str, str] | None,
    fault: str,
) -> None:
    chat.kubectl("delete", "configmap", "mine", "--ignore-not-found")
    if content is not None:
        flags = [f"--from-literal={key}={value}" for key, value in content.items()]
        chat.kubectl("create", "configmap", "mine", *flags)

    with profile(chat, {"name": None, "configMapRef": {"name": "mine"}}):
        said = chat.await_condition(ConditionType.SLO_FEASIBLE, "False", "ProfileInvalid")
        assert fault in said.message
        assert "mine" in said.message
        untouched()


@contextmanager
def metrics(chat: RunningService, url: str, good: str) -> Iterator[None]:
    with edited(chat, {"metrics": {"prometheusUrl": url}}, {"metrics": {"prometheusUrl": good}}):
        yield
    chat.await_condition(ConditionType.METRICS_AVAILABLE, "True", "MetricsRead")


def test_a_prometheus_that_does_not_answer_is_named_with_what_to_check(
    chat: RunningService, untouched: Callable[[], None], prometheus: Prometheus
) -> None:
    nobody = f"http://{LOOPBACK}:{free_ports(1)[0]}"
    with metrics(chat, nobody, prometheus.url):
        said = chat.await_condition(
            ConditionType.METRICS_AVAILABLE, "False", "PrometheusUnreachable"
        )
        assert nobody in said.message
        assert "spec.metrics.prometheusUrl" in said.message
        untouched()
        assert chat.condition(ConditionType.SCALING).reason == "Holding"
    told = [m for m in chat.events("PrometheusUnreachable") if m.startswith("MetricsAvailable")]
    assert len(told) == 1, "one Event on the transition, and none while it lasts"


def test_a_prometheus_without_our_series_is_told_from_no_load(
    chat: RunningService,
    untouched: Callable[[], None],
    prometheus: Prometheus,
    binaries: Programs,
    control_plane: ControlPlane,
    tmp_path: Path,
) -> None:
    # An account without rights sees no pod to scrape.
    blind = control_plane.kubeconfig_for(chat.namespace, "default")
    with (
        Prometheus(binaries, tmp_path / "prometheus", blind) as empty,
        metrics(chat, empty.url, prometheus.url),
    ):
        said = chat.await_condition(ConditionType.METRICS_AVAILABLE, "False", "NoSeries")
        assert "smg_http_requests_total" in said.message
        assert "PodMonitor" in said.message
        untouched()


def test_a_template_that_the_api_server_refuses_is_told_in_its_words(
    chat: RunningService, operator: InstalledOperator, untouched: Callable[[], None]
) -> None:
    broken = template()
    mount = {"name": "nowhere", "mountPath": "/models"}
    broken["spec"]["containers"][0]["volumeMounts"] = [mount]

    with edited(chat, {"prefill": {"template": broken}}, {"prefill": {"template": template()}}):
        said = chat.await_condition(ConditionType.READY, "False", "ChildrenRefused")
        assert 'volumeMounts[0].name: Not found: "nowhere"' in said.message
        untouched()
        # It stays so until somebody mends it, also when nothing changes any more.
        assert chat.condition(ConditionType.READY).reason == "ChildrenRefused"
    chat.await_condition(ConditionType.READY, "True", "Serving")
    assert len(chat.events("ChildrenRefused")) == 1
    assert operator.restarts() == 0
