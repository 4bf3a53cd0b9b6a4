"""Two minutes without Prometheus, and two minutes without the API server.

Real minutes: what gives up for good does so after tens of seconds (Kopf retries for 54). The
outage of the API server, in a cluster of its own, lasts while that of Prometheus is tested.
"""

import time
from collections.abc import Iterator, Set
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from pd_e2e.cluster.binaries import Programs
from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.prometheus import Prometheus
from pd_e2e.cluster.waiting import eventually
from pd_e2e.nodes.agent_process import AgentOptions, AgentProcess
from pd_e2e.nodes.catalog import repository_images
from pd_e2e.nodes.cluster import Cluster
from pd_operator.api.conditions import ConditionType
from pd_operator.api.roles import Role

from .installed import InstalledOperator, own_metric
from .service import NAME, RunningService, manifest
from .traffic import SteadyLoad

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(400)]

OUTAGE_SECONDS = 120.0


def all_stay(chat: RunningService, workers: Set[str], seconds: float) -> None:
    """Hold for so long that none of `workers` leaves or drains, looking twice a second."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        assert chat.events("ScalingDown") == []
        assert workers <= chat.workers()
        time.sleep(0.5)


def busy(url: str, folder: Path) -> SteadyLoad:
    """A load that takes two prefill workers, whatever the chance of arrivals."""
    return SteadyLoad(url, folder, rate=9, input_tokens=2000, output_tokens=10)


def quiet(url: str, folder: Path) -> SteadyLoad:
    """A load that takes one worker of each role."""
    return SteadyLoad(url, folder, rate=1, input_tokens=100, output_tokens=10)


@dataclass(frozen=True)
class LostApiServer:
    """A cluster whose API server went away at `since` (monotonic), with its service under load."""

    control_plane: ControlPlane
    operator: InstalledOperator
    operator_pod: str
    operator_url: str
    chat: RunningService
    workers: frozenset[str]
    load: SteadyLoad
    since: float

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.since


@pytest.fixture(scope="module")
def lost(binaries: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LostApiServer]:
    directory = tmp_path_factory.mktemp("outage")
    with ExitStack() as stack:
        control_plane = stack.enter_context(ControlPlane(binaries, directory / "control-plane"))
        options = AgentOptions(gpus=8, heartbeat_seconds=2, backoff_seconds=1)
        nodes = AgentProcess(control_plane, directory / "nodes", repository_images(), options)
        operator = InstalledOperator(Cluster(control_plane, stack.enter_context(nodes)))
        operator.install()
        prometheus = stack.enter_context(
            Prometheus(
                binaries,
                directory / "prometheus",
                control_plane.kubeconfig,
                scrape_interval_seconds=1,
            )
        )
        chat = RunningService(control_plane, "default")
        chat.apply(manifest(prometheus.url, prefill={"maxReplicas": 2}))
        chat.await_fewest_workers()
        load = stack.enter_context(busy(chat.router_url, directory / "load"))
        grown(chat)
        pod, url = operator.pod()["metadata"]["name"], operator.url
        workers = frozenset(chat.workers())
        control_plane.stop_apiserver()
        yield LostApiServer(
            control_plane, operator, pod, url, chat, workers, load, time.monotonic()
        )


def grown(chat: RunningService) -> None:
    eventually(lambda: chat.pool_status(Role.PREFILL).ready >= 2, timeout_seconds=60)
    eventually(lambda: list(chat.routed().values()).count("prefill") >= 2)


def test_requests_flow_and_the_operator_lives_while_the_api_server_is_away(
    lost: LostApiServer,
) -> None:
    def failed_ticks() -> float:
        ticks = own_metric(lost.operator_url, "ticks_total", service=NAME)
        return ticks - own_metric(lost.operator_url, "ticks_total", service=NAME, result="ok")

    eventually(lambda: failed_ticks() >= 3)
    assert requests.get(f"{lost.operator_url}/healthz", timeout=5).text == "ok\n"
    lost.load.goes_on(20)


def test_two_minutes_without_prometheus_remove_no_worker_and_pass_by_themselves(
    lost: LostApiServer,
    operator: InstalledOperator,
    control_plane: ControlPlane,
    binaries: Programs,
    namespace: str,
    tmp_path: Path,
) -> None:
    chat = RunningService(control_plane, namespace)
    with Prometheus(
        binaries, tmp_path / "prometheus", control_plane.kubeconfig, scrape_interval_seconds=1
    ) as prometheus:
        chat.apply(manifest(prometheus.url, prefill={"maxReplicas": 2}))
        chat.await_fewest_workers()
        before, after = (
            busy(chat.router_url, tmp_path / "busy"),
            quiet(chat.router_url, tmp_path / "quiet"),
        )
        with before:
            grown(chat)
            workers = chat.workers()
            prometheus.stop()
        began = time.monotonic()

        with after:
            said = chat.await_condition(
                ConditionType.METRICS_AVAILABLE, "False", "PrometheusUnreachable"
            )
            assert "No worker is removed meanwhile" in said.message
            # The load that took two prefill workers is gone; nobody knows, so both stay.
            left = OUTAGE_SECONDS - (time.monotonic() - began)
            all_stay(chat, workers, left)
            after.goes_on()
            assert chat.condition(ConditionType.SCALING).reason == "Holding"
            assert operator.metric("ticks_total", namespace=namespace, result="error") == 0

            prometheus.start()
            chat.await_condition(ConditionType.METRICS_AVAILABLE, "True", "MetricsRead")
            # Known again to be too many.
            eventually(lambda: chat.replicas(Role.PREFILL) == 1, timeout_seconds=90)
            after.goes_on()
    assert before.failures() == []
    assert after.failures() == []
    assert operator.restarts() == 0


def test_after_two_minutes_without_the_api_server_all_goes_on_as_before(
    lost: LostApiServer,
) -> None:
    eventually(lambda: lost.seconds >= OUTAGE_SECONDS, timeout_seconds=OUTAGE_SECONDS)
    lost.load.goes_on(20)
    lost.control_plane.start_apiserver()

    chat, operator = lost.chat, lost.operator
    operator.await_ticks(chat.namespace, 3)
    all_stay(chat, lost.workers, seconds=20)
    assert operator.pod()["metadata"]["name"] == lost.operator_pod
    assert operator.restarts() == 0
    assert chat.condition(ConditionType.READY).reason == "Serving"

    chat.edit(autoscaling={"mode": "Paused"})
    chat.await_condition(ConditionType.SCALING, "False", "Paused", timeout_seconds=90)
    chat.kubectl("delete", "poddisruptionbudget", f"{NAME}-decode")
    eventually(lambda: chat.get("poddisruptionbudget", f"{NAME}-decode"))
    lost.load.goes_on()
    assert lost.load.statistics().failed == 0
