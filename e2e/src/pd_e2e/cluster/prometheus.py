"""A real Prometheus on loopback, as a context manager."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, Self

import yaml

from pd_e2e.cluster.binaries import Programs
from pd_e2e.cluster.commands import CommandError
from pd_e2e.cluster.daemon import Daemon
from pd_e2e.cluster.families import Program
from pd_e2e.cluster.lifeline import Lifeline
from pd_e2e.cluster.ports import LOOPBACK, free_ports
from pd_e2e.cluster.progress import Progress, SilentProgress, step
from pd_e2e.cluster.scraping import prometheus_config
from pd_e2e.cluster.waiting import eventually


class Prometheus:
    """Prometheus that scrapes the pods of one cluster, beginning with no data.

    Entering loads `history` (an OpenMetrics file), starts the server and returns when it is ready;
    leaving stops it. `stop` and `start` between make an outage on the same port, with the data
    kept. If this process is killed, the server is killed too.
    """

    def __init__(
        self,
        programs: Programs,
        directory: Path,
        kubeconfig: Path,
        *,
        scrape_interval_seconds: int = 15,
        rule_files: Sequence[Path] = (),
        history: Path | None = None,
        scrape_configs: Sequence[Mapping[str, Any]] | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Prepare, without starting anything; `directory` takes data, configuration and log.

        `scrape_configs`, in Prometheus' own words, stand in the place of the cluster's pods.
        """
        self._programs = programs
        self.directory = directory.resolve()
        self._config = prometheus_config(
            kubeconfig.resolve(),
            scrape_interval_seconds,
            tuple(path.resolve() for path in rule_files),
        )
        if scrape_configs is not None:
            self._config["scrape_configs"] = [dict(one) for one in scrape_configs]
        self._history = history
        self._progress = progress or SilentProgress()
        (self._port,) = free_ports(1)
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """Base URL of the HTTP API."""
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def data(self) -> Path:
        """Directory of the time series database."""
        return self.directory / "data"

    def stop(self) -> None:
        """Stop the server; its data stay."""
        self._daemon.stop()

    def kill(self) -> None:
        """Kill the server, as a crash does."""
        self._daemon.kill()

    def paused(self) -> AbstractContextManager[None]:
        """The server hangs for the length of a block: it takes connections, and no more."""
        return self._daemon.paused()

    def start(self) -> None:
        """Start the server again on the same port, and wait until it is ready."""
        self._daemon.start()
        eventually(self._ready, timeout_seconds=60)

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.data, ignore_errors=True)
        config_file = self.directory / "prometheus.yaml"
        config_file.write_text(yaml.safe_dump(self._config, sort_keys=False))
        if self._history is not None:
            self._backfill(self._history)
        with ExitStack() as stack:
            self._daemon = Daemon(
                [self._programs[Program.PROMETHEUS], *self._flags(config_file)],
                self.directory / "prometheus.log",
                stack.enter_context(Lifeline()),
            )
            stack.callback(self._daemon.stop)
            self.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _flags(self, config_file: Path) -> list[str]:
        return [
            f"--config.file={config_file}",
            f"--storage.tsdb.path={self.data}",
            "--storage.tsdb.retention.time=60d",
            f"--web.listen-address={LOOPBACK}:{self._port}",
            "--log.level=warn",
        ]

    def _backfill(self, history: Path) -> None:
        command = ["tsdb", "create-blocks-from", "openmetrics", str(history), str(self.data)]
        with step(self._progress, "loading history into Prometheus", expected_seconds=5):
            finished = subprocess.run(
                [self._programs[Program.PROMTOOL], *command],
                capture_output=True,
                text=True,
                check=False,
            )
            if finished.returncode != 0:
                raise CommandError(
                    [Program.PROMTOOL, *command], finished.returncode, finished.stderr
                )

    def _ready(self) -> bool:
        self._daemon.check_alive()
        promtool = str(self._programs[Program.PROMTOOL])
        answer = subprocess.run(
            [promtool, "check", "ready", f"--url={self.url}"], capture_output=True, check=False
        )
        return answer.returncode == 0
