"""A control plane whose nodes and pods kwok plays, Prometheus, and what stands in for engines."""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from scripts.controller_bench.fleet import pages, shape

from pd_e2e.cluster.binaries import ensure_programs
from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.daemon import Daemon
from pd_e2e.cluster.families import WANTED_ALWAYS, Program
from pd_e2e.cluster.kwok import Kwok
from pd_e2e.cluster.lifeline import Lifeline
from pd_e2e.cluster.ports import LOOPBACK, free_ports
from pd_e2e.cluster.prometheus import Prometheus

ROOT = Path(__file__).parents[3]
HISTORY_SECONDS = 3 * 3600.0
CONTROLLER_WRITES_PER_SECOND = 200


@dataclass
class FleetStage:
    """A cluster with room for so many services, of which `made` are there.

    `operator_port` is where Prometheus looks for an operator.
    """

    control_plane: ControlPlane
    prometheus_url: str
    operator_port: int
    folder: Path
    _stand_in_url: str
    made: int = 0

    def grow(self, services: int) -> None:
        """Make services until there are so many."""
        for namespace in shape.namespaces(services)[len(shape.namespaces(self.made)) :]:
            self.control_plane.kubectl("create", "namespace", namespace)
        items = [
            shape.manifest(number, self.prometheus_url) for number in range(self.made, services)
        ]
        listed = {"apiVersion": "v1", "kind": "List", "items": items}
        self.control_plane.kubectl("create", "--filename=-", input_text=json.dumps(listed))
        self.made = services

    def quiet(self) -> None:
        """Let nobody ask anything of the fleet any more."""
        requests.get(f"{self._stand_in_url}/quiet", timeout=10).raise_for_status()


@contextmanager
def fleet_stage(services: int) -> Iterator[FleetStage]:
    """Build what is missing, start everything but an operator, and stop it at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pd-operator-fleet-")))
        programs = ensure_programs([*WANTED_ALWAYS, Program.KWOK])
        control_plane = stack.enter_context(
            ControlPlane(
                programs,
                folder / "control-plane",
                controller_writes_per_second=CONTROLLER_WRITES_PER_SECOND,
            )
        )
        control_plane.serve_crds(ROOT / "crds")
        stack.enter_context(Kwok(programs, control_plane, list(shape.nodes(services))))
        stand_in_port, operator_port = free_ports(2)
        since = time.time() - HISTORY_SECONDS
        stand_in = [
            *(sys.executable, "-m", "scripts.controller_bench.fleet.stand_in"),
            *(str(services), str(stand_in_port), str(since)),
        ]
        daemon = Daemon(stand_in, folder / "stand_in.log", stack.enter_context(Lifeline()))
        stack.callback(daemon.stop)
        daemon.start()
        history = folder / "history.openmetrics"
        with history.open("w") as file:
            file.writelines(pages.history(services, since, time.time()))
        prometheus = stack.enter_context(
            Prometheus(
                programs,
                folder / "prometheus",
                control_plane.kubeconfig,
                scrape_interval_seconds=shape.SCRAPE_SECONDS,
                history=history,
                scrape_configs=_scrapes(services, stand_in_port, operator_port),
            )
        )
        history.unlink()
        daemon.check_alive()
        url = f"http://{LOOPBACK}:{stand_in_port}"
        yield FleetStage(control_plane, prometheus.url, operator_port, folder, url)


def _scrapes(services: int, stand_in_port: int, operator_port: int) -> list[dict[str, object]]:
    def scrape(job: str, path: str, port: int) -> dict[str, object]:
        targets = [{"targets": [f"{LOOPBACK}:{port}"]}]
        return {
            "job_name": job,
            "metrics_path": path,
            "honor_labels": True,
            "static_configs": targets,
        }

    fleet = [
        scrape(name, f"/metrics/{number}", stand_in_port)
        for number, name in enumerate(shape.namespaces(services))
    ]
    return [*fleet, scrape("operator", "/metrics", operator_port)]
