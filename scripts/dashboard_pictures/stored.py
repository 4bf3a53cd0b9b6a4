"""Serves what a Prometheus left on disk, such as the demo's: `build/demo/forecast/prometheus`."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from pd_e2e.cluster.binaries import ensure_programs
from pd_e2e.cluster.daemon import Daemon
from pd_e2e.cluster.families import Program
from pd_e2e.cluster.lifeline import Lifeline
from pd_e2e.cluster.ports import LOOPBACK, free_ports
from pd_e2e.cluster.waiting import eventually

RETENTION = "10y"
"""Longer than any data is old: nothing is to be deleted."""


@contextmanager
def serving(data: Path) -> Iterator[str]:
    """The URL of a Prometheus over a copy of its data; it scrapes nothing."""
    program = ensure_programs([Program.PROMETHEUS])[Program.PROMETHEUS]
    (port,) = free_ports(1)
    with (
        tempfile.TemporaryDirectory(prefix="pd-operator-stored-") as scratch,
        Lifeline() as lifeline,
    ):
        folder = Path(scratch)
        shutil.copytree(data, folder / "data", ignore=shutil.ignore_patterns("lock"))
        config = folder / "prometheus.yaml"
        config.write_text("global: {}\n", encoding="utf-8")
        command: list[str | Path] = [
            program,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--storage.tsdb.retention.time={RETENTION}",
            f"--web.listen-address={LOOPBACK}:{port}",
            "--log.level=warn",
        ]
        daemon = Daemon(command, folder / "prometheus.log", lifeline)
        daemon.start()
        try:
            url = f"http://{LOOPBACK}:{port}"
            eventually(lambda: requests.get(f"{url}/-/ready", timeout=2).ok, timeout_seconds=60)
            yield url
        finally:
            daemon.stop()
