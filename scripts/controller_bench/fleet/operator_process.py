"""An operator outside of the cluster, of this build or of an earlier one, and what it costs."""

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import requests
from prometheus_client.parser import text_string_to_metric_families

from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.daemon import Daemon
from pd_e2e.cluster.lifeline import Lifeline
from pd_e2e.cluster.ports import LOOPBACK
from pd_e2e.cluster.waiting import eventually

ROOT = Path(__file__).parents[3]
SOURCES = ("operator/src", "forecasting/src")
NAME = "fleet"
MEGABYTE = 1e6
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Costs:
    """What all processes of an operator have used since they began, and hold now."""

    cpu_seconds: float
    megabytes: float


class OperatorProcess:
    """A running operator; `url` is where its metrics are."""

    def __init__(self, daemon: Daemon, url: str) -> None:
        self._daemon = daemon
        self.url = url

    def samples(self, name: str) -> list[tuple[Mapping[str, str], float]]:
        """The series of its own metrics with that name."""
        self._daemon.check_alive()
        answer = requests.get(f"{self.url}/metrics", timeout=60)
        answer.raise_for_status()
        return [
            (sample.labels, sample.value)
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
            if sample.name == name
        ]

    def total(self, name: str, **labels: str) -> float:
        """The sum of those that have these labels."""
        return sum(
            value for has, value in self.samples(name) if labels.items() <= dict(has).items()
        )

    def costs(self) -> Costs:
        """Of its process, and of the one in which it fits."""
        ticks = pages = 0
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(fields[2]) == self._daemon.pid:
                    ticks += sum(int(field) for field in fields[11:15])
                    pages += int(fields[21])
        return Costs(ticks / _TICKS_PER_SECOND, pages * _PAGE_BYTES / MEGABYTE)


@contextmanager
def operator_process(
    control_plane: ControlPlane, port: int, sources: Path = ROOT
) -> Iterator[OperatorProcess]:
    """Run the operator whose code lies in `sources`, and wait until it leads."""
    path = os.pathsep.join(str(sources / source) for source in SOURCES)
    start = "from pd_operator.cli.operator import main; main()"
    command = [
        "/usr/bin/env",
        f"KUBECONFIG={control_plane.kubeconfig}",
        f"PYTHONPATH={path}",
        f"PD_OPERATOR_NAME={NAME}",
        "POD_NAMESPACE=default",
        sys.executable,
        *("-c", start, "run", "--listen", f"{LOOPBACK}:{port}", "--log-format", "text"),
    ]
    with Lifeline() as lifeline:
        daemon = Daemon(command, control_plane.directory / "operator.log", lifeline)
        daemon.start()
        try:
            running = OperatorProcess(daemon, f"http://{LOOPBACK}:{port}")
            eventually(lambda: running.total("pd_operator_leader") == 1, timeout_seconds=90)
            yield running
        finally:
            daemon.stop(grace_seconds=30)


def sources_of(revision: str, folder: Path) -> Path | None:
    """The operator's code as it was at a commit, in `folder`; None where that is not known here."""
    git = ("git", "archive", revision, *SOURCES)
    archive = subprocess.run(git, cwd=ROOT, capture_output=True, check=False)  # noqa: S603  fixed words, and a revision that whoever runs this gave
    if archive.returncode != 0:
        return None
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder
