"""The load generator as a process of its own, so that the demo's own work does not delay it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pd_e2e.cluster.lifeline import Lifeline
from pd_e2e.demo.archive import REQUESTS
from pd_e2e.loadgen.live import Objectives, ReplayStatistics
from pd_e2e.loadgen.run import read_progress
from pd_e2e.loadgen.scenario import TraceScenario

PROGRESS = "progress.jsonl"
STOP_SECONDS = 15.0


@dataclass(frozen=True)
class LoadOrder:
    """What is played: against which router and model, and when its second 0 is.

    `load` is one of `AZURE_REPLAYS`, or a file of arrivals.
    """

    url: str
    model: str
    load: TraceScenario | Path
    objectives: Objectives
    start_unix_seconds: float
    warmup_seconds: float


class PlayedLoad:
    """A generator that runs; its records are complete when it has ended."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self._process = process
        self._folder = folder

    @property
    def running(self) -> bool:
        """Whether it still plays. Raises RuntimeError where it ended badly."""
        status = self._process.poll()
        if status not in (None, 0):
            raise RuntimeError(
                f"the load generator ended with status {status}; see {self._folder / 'load.log'}"
            )
        return status is None

    def statistics(self) -> ReplayStatistics | None:
        """What it counted so far."""
        return read_progress(self._folder / PROGRESS)


@contextmanager
def play(order: LoadOrder, folder: Path) -> Iterator[PlayedLoad]:
    """Start the generator; leaving the block ends it, and its records are kept."""
    with Lifeline() as lifeline, (folder / "load.log").open("wb") as log:
        process = subprocess.Popen(
            _command(order, folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        lifeline.hold(process.pid)
        try:
            yield PlayedLoad(process, folder)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            lifeline.release(process.pid)


def _command(order: LoadOrder, folder: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "pd_e2e.loadgen"),
        f"--url={order.url}",
        f"--model={order.model}",
        *_played(order.load),
        f"--warmup-seconds={order.warmup_seconds}",
        f"--start-at={order.start_unix_seconds}",
        f"--ttft-milliseconds={1000 * order.objectives.ttft_seconds}",
        f"--tpot-milliseconds={1000 * order.objectives.tpot_seconds}",
        f"--output={folder / REQUESTS}",
        f"--progress-file={folder / PROGRESS}",
    ]


def _played(load: TraceScenario | Path) -> list[str]:
    if isinstance(load, Path):
        return [f"--scenario={load}"]
    return [f"--scenario={load.name}", f"--speed={load.speed}", f"--scale={load.scale}"]
