"""Our worker table in the hands of the real router, smg, with stand-in workers behind it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
import requests

from pd_e2e.cluster.daemon import Daemon
from pd_e2e.cluster.lifeline import Lifeline
from pd_e2e.cluster.ports import free_ports
from pd_e2e.cluster.waiting import eventually
from pd_operator.api.names import ENGINE_PORT, LABEL_ROLE, LABEL_TRAFFIC
from pd_operator.routing.table_file import TableFile
from pd_operator.routing.worker_table import worker_table
from pd_operator.telemetry.promql import ROUTER_REQUESTS

STAND_IN = Path(__file__).with_name("stand_in_worker.py")
SMG = Path(sys.executable).with_name("smg")
CHUNKS = 20
Pod = dict[str, Any]


def pod(name: str, role: str, address: str) -> Pod:
    return {
        "metadata": {"name": name, "uid": f"uid-of-{name}", "labels": {LABEL_ROLE: role}},
        "status": {
            "phase": "Running",
            "podIP": address,
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


@dataclass
class Router:
    """The router, the pods it is told of, and a client's view of it."""

    url: str
    metrics_url: str
    table: Path
    process: Daemon
    pods: dict[str, Pod] = field(default_factory=dict)

    def tell(self) -> None:
        TableFile(self.table).write(worker_table(self.pods.values()))

    def workers(self) -> dict[str, tuple[str, str]]:
        """Role and status by pod name, as the router has them."""
        names = {self._engine(name): name for name in self.pods}
        listed = requests.get(f"{self.url}/workers", timeout=5).json()["workers"]
        return {names[w["url"]]: (w["worker_type"], w["status"]) for w in listed}

    def has(self, **roles: str) -> None:
        """Wait until these workers, and only these, are ready."""
        wanted = {name: (role, "ready") for name, role in roles.items()}
        eventually(lambda: self.workers() == wanted, 60)

    def served(self, name: str) -> int:
        told = requests.get(f"{self._engine(name)}/stand-in", timeout=5).json()
        served: int = told["served"]
        return served

    def slow_down(self, name: str, seconds: float) -> None:
        how = {"seconds": seconds, "chunks": CHUNKS}
        requests.put(f"{self._engine(name)}/stand-in", json=how, timeout=5).raise_for_status()

    def ask(self, *, timeout_seconds: float = 30, stream: bool = True) -> requests.Response:
        message = {"role": "user", "content": "?"}
        body: dict[str, Any] = {"model": "stand-in", "stream": stream, "messages": [message]}
        chat = f"{self.url}/v1/chat/completions"
        return requests.post(chat, json=body, stream=stream, timeout=timeout_seconds)

    def requests_counted(self) -> float:
        exposed = requests.get(f"{self.metrics_url}/metrics", timeout=5).text
        found = re.findall(
            rf'^{ROUTER_REQUESTS}{{.*path="/v1/chat.*}} (\S+)$', exposed, re.MULTILINE
        )
        return sum(map(float, found))

    def _engine(self, name: str) -> str:
        return f"http://{self.pods[name]['status']['podIP']}:{ENGINE_PORT}"


@pytest.fixture
def router(tmp_path: Path) -> Iterator[Router]:
    """A router that is told of the prefill p1 and the decodes d1 and d2."""
    # A network of our own: other tests' workers have their port on other addresses.
    network = f"127.{Random().randint(130, 250)}.{Random().randint(0, 255)}"
    pods = {
        name: pod(name, role, f"{network}.{number}")
        for number, (name, role) in enumerate(
            {"p1": "prefill", "d1": "decode", "d2": "decode"}.items(), start=1
        )
    }
    port, metrics_port = free_ports(2)
    table = tmp_path / "workers.json"
    with ExitStack() as stack:
        lifeline = Lifeline()
        stack.callback(lifeline.close)
        engines = Daemon(
            [sys.executable, STAND_IN, *_engines(pods)], tmp_path / "engines", lifeline
        )
        router = Daemon(
            [SMG, "launch", *_flags(port, metrics_port, table)], tmp_path / "smg", lifeline
        )
        running = Router(
            url=f"http://127.0.0.1:{port}",
            metrics_url=f"http://127.0.0.1:{metrics_port}",
            table=table,
            process=router,
            pods=pods,
        )
        for daemon in (engines, router):
            # Nothing here is worth a graceful end.
            stack.callback(daemon.kill)
        engines.start()
        eventually(lambda: "ready" in engines.log.read_text())
        running.tell()
        router.start()
        running.has(p1="prefill", d1="decode", d2="decode")
        yield running


def _engines(pods: dict[str, Pod]) -> list[str]:
    return [
        f"{pod['metadata']['labels'][LABEL_ROLE]}@{pod['status']['podIP']}:{ENGINE_PORT}"
        for pod in pods.values()
    ]


def _flags(port: int, metrics_port: int, table: Path) -> list[str]:
    flags = {
        "--host": "127.0.0.1",
        "--port": port,
        "--prometheus-host": "127.0.0.1",
        "--prometheus-port": metrics_port,
        "--discovery-provider": "file",
        "--discovery-file": table,
        "--discovery-check-interval-secs": 2,
        "--prefill-policy": "round_robin",
        "--decode-policy": "round_robin",
    }
    return ["--pd-disaggregation", *(str(word) for flag in flags.items() for word in flag)]


def test_a_worker_out_of_traffic_ends_its_stream_and_gets_no_more(router: Router) -> None:
    router.slow_down("d1", 3.0)
    router.slow_down("d2", 3.0)
    answers = [router.ask(), router.ask()]

    router.pods["d1"]["metadata"]["labels"][LABEL_TRAFFIC] = "off"
    router.tell()
    eventually(lambda: router.workers()["d1"] == ("decode", "draining"))
    for answer in answers:
        assert answer.status_code == 200
        assert answer.text.count("delta") == CHUNKS
    assert router.served("d1") == 1

    router.slow_down("d2", 0.02)
    assert all(router.ask().ok for _ in range(6))
    assert router.served("d1") == 1
    router.has(p1="prefill", d2="decode")


def test_a_worker_back_in_traffic_gets_requests_again(router: Router) -> None:
    labels = router.pods["d1"]["metadata"]["labels"]
    labels[LABEL_TRAFFIC] = "off"
    router.tell()
    router.has(p1="prefill", d2="decode")
    del labels[LABEL_TRAFFIC]
    router.tell()
    router.has(p1="prefill", d1="decode", d2="decode")
    assert all(router.ask(stream=False).ok for _ in range(4))
    assert router.served("d1") == 2


def test_a_worker_changes_its_role_under_its_id(router: Router) -> None:
    router.pods["d2"]["metadata"]["labels"][LABEL_ROLE] = "prefill"
    router.tell()
    router.has(p1="prefill", d1="decode", d2="prefill")
    assert all(router.ask(stream=False).ok for _ in range(4))
    assert (router.served("p1"), router.served("d2"), router.served("d1")) == (2, 2, 4)


@pytest.mark.parametrize(
    "damage", ["", '{"version": 1, "wor', '{"version":1,"workers":[{"id":"x"}]}']
)
def test_a_damaged_table_leaves_the_last_good_one_in_force(router: Router, damage: str) -> None:
    router.table.write_text(damage)
    log = router.table.with_name("smg")
    eventually(lambda: "keeping the last good manifest" in log.read_text())
    assert router.workers().keys() == {"p1", "d1", "d2"}
    assert router.ask().ok
    router.tell()
    router.has(p1="prefill", d1="decode", d2="decode")


def test_a_router_that_forgot_its_workers_has_them_from_the_table_that_lies_there(
    router: Router,
) -> None:
    """It was killed: nobody writes the table again, as it says what it said."""
    router.process.kill()
    router.process.start()
    router.has(p1="prefill", d1="decode", d2="decode")
    assert all(router.ask(stream=False).ok for _ in range(2))
    assert (router.served("p1"), router.served("d1"), router.served("d2")) == (2, 1, 1)


def test_the_router_counts_what_is_offered_when_it_arrives(router: Router) -> None:
    router.slow_down("p1", 3.0)
    with subprocess.Popen([sys.executable, "-c", ASK, router.url]) as waiting_client:
        eventually(lambda: router.requests_counted() == 1)
        assert waiting_client.poll() is None, "it was counted only when it was answered"

    with pytest.raises(requests.Timeout):
        router.ask(timeout_seconds=0.2)
    eventually(lambda: router.requests_counted() == 2)

    router.pods = {name: pod for name, pod in router.pods.items() if name == "p1"}
    router.tell()
    eventually(lambda: not router.ask(timeout_seconds=5).ok)
    assert router.requests_counted() >= 3, "a request that nobody could serve is load too"


ASK = """
import sys, requests
body = {"model": "stand-in", "messages": [{"role": "user", "content": "?"}]}
requests.post(sys.argv[1] + "/v1/chat/completions", json=body, timeout=30).raise_for_status()
"""
