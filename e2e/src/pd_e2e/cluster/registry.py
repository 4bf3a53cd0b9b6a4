"""A registry of charts and images on loopback."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
import yaml

from pd_e2e.cluster.binaries import Programs
from pd_e2e.cluster.families import Program
from pd_e2e.cluster.ports import free_ports
from pd_e2e.cluster.waiting import eventually


@contextmanager
def running_registry(programs: Programs, directory: Path) -> Iterator[str]:
    """Run a registry that keeps what it gets in `directory`; gives its address, host:port."""
    (port,) = free_ports(1)
    address = f"127.0.0.1:{port}"
    directory.mkdir(parents=True, exist_ok=True)
    settings = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(directory / "data")}},
        "http": {"addr": address},
    }
    file = directory / "registry.yaml"
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    with (
        (directory / "log").open("w") as log,
        subprocess.Popen(
            [programs[Program.REGISTRY], "serve", file], stdout=log, stderr=log
        ) as process,
    ):
        try:
            eventually(lambda: requests.get(f"http://{address}/v2/", timeout=5).ok)
            yield address
        finally:
            process.terminate()
