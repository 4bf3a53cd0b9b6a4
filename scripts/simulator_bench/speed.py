"""What a simulation costs: CPU seconds and memory, by its size."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from scripts.simulator_bench.loads import day, poisson

from pd_operator.performance import load_bundled
from pd_operator.simulation import Pools, Requests, ServiceModel, simulate

_ROOT = Path(__file__).parent.parent.parent
_RATE_PER_WORKER = 7.5
"""Requests per second and worker: prefills are busy 60 %, batches hold about twenty."""

DAY_REQUESTS = 4_320_000


@dataclass(frozen=True)
class Cost:
    """One simulation: its size, the CPU seconds it took, and the memory of its process."""

    workers: int
    requests: int
    cpu_seconds: float
    megabytes: float

    @property
    def requests_per_second(self) -> float:
        """Requests per CPU second."""
        return self.requests / self.cpu_seconds


def measure(workers: int, requests: int, *, whole_day: bool = False) -> Cost:
    """Simulate in a process of its own, so that its memory can be told."""
    command = (sys.executable, "-m", __name__, str(workers), str(requests), str(int(whole_day)))
    done = subprocess.run(  # noqa: S603 - this very program
        command, cwd=_ROOT, check=True, capture_output=True, text=True
    )
    seconds, megabytes = map(float, done.stdout.split())
    return Cost(workers, requests, seconds, megabytes)


def _simulate(requests: Requests, workers: int) -> float:
    worker = load_bundled("llama-3.1-8b-h100").surfaces(1)
    third = workers // 3
    begun = time.process_time()
    simulate(requests, ServiceModel(worker, worker), Pools(third, workers - third))
    return time.process_time() - begun


def _peak_megabytes() -> float:
    """Peak resident memory of this process, and not of the one that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1e3


def main() -> None:
    """Print the CPU seconds of one simulation, the making of its load aside, and the peak RSS."""
    workers, count, whole_day = map(int, sys.argv[1:])
    load = day(count) if whole_day else poisson(count, _RATE_PER_WORKER * workers)
    seconds = _simulate(load, workers)
    megabytes = _peak_megabytes()
    sys.stdout.write(f"{seconds} {megabytes}\n")


if __name__ == "__main__":
    main()
