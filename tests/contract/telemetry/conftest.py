"""A real Prometheus that scrapes nothing and holds what a test wrote down."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import run

import pytest
import requests

from pd_e2e.cluster.binaries import Programs
from pd_e2e.cluster.daemon import Daemon
from pd_e2e.cluster.families import Program
from pd_e2e.cluster.lifeline import Lifeline
from pd_e2e.cluster.ports import free_ports
from pd_e2e.cluster.waiting import eventually


@pytest.fixture(scope="session")
def prometheus_holding(
    binaries: Programs, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], tuple[str, Daemon]]]:
    """Start a Prometheus with the given OpenMetrics lines: its URL and process.

    It ends with the session.
    """
    with ExitStack() as stack:

        def start(lines: str) -> tuple[str, Daemon]:
            directory = tmp_path_factory.mktemp("prometheus")
            return stack.enter_context(running_prometheus(binaries, directory, lines))

        yield start


@contextmanager
def running_prometheus(
    programs: Programs,
    directory: Path,
    lines: str,
    web_config: Path | None = None,
    session: requests.Session | None = None,
) -> Iterator[tuple[str, Daemon]]:
    """With a `web_config` it speaks https alone, and `session` is one that it lets in."""
    (directory / "prometheus.yaml").write_text("scrape_configs: []\n")
    if lines:
        (directory / "history").write_text(f"{lines}\n# EOF\n")
        backfill = ["tsdb", "create-blocks-from", "openmetrics", "--quiet"]
        arguments = [*backfill, str(directory / "history"), str(directory / "data")]
        run([programs[Program.PROMTOOL], *arguments], check=True, capture_output=True)
    (port,) = free_ports(1)
    url = f"{'https' if web_config else 'http'}://127.0.0.1:{port}"
    guard = [f"--web.config.file={web_config}"] if web_config else []
    visitor = session or requests.Session()
    flags = [
        f"--config.file={directory}/prometheus.yaml",
        f"--storage.tsdb.path={directory}/data",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
        *guard,
    ]
    lifeline = Lifeline()
    daemon = Daemon([programs[Program.PROMETHEUS], *flags], directory / "log", lifeline)
    try:
        daemon.start()
        eventually(lambda: visitor.get(f"{url}/-/ready", timeout=2).ok, 60)
        yield url, daemon
    finally:
        daemon.stop()
        lifeline.close()
