"""When engines last had something to do, by what they say themselves."""

import time
from collections.abc import Mapping
from contextlib import suppress

import requests

from pd_e2e.background import Background
from pd_operator.api.names import ENGINE_PORT
from pd_operator.telemetry.engine_load import parse_load

LOOK_SECONDS = 0.2
"""Between two looks at all engines: as exact a wait is."""


class IdleWatch(Background):
    """Asks engines for their load over and over, from entering the block to leaving it."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        """`addresses`: pod IPs by worker."""
        super().__init__()
        self._urls = {
            worker: f"http://{ip}:{ENGINE_PORT}/v1/loads" for worker, ip in addresses.items()
        }
        self._busy: dict[str, list[float]] = {worker: [] for worker in addresses}

    def wait_seconds(self, worker: str, decided: float, served: float) -> float:
        """How long a worker was yet busy after a decision and before it served (Unix seconds)."""
        busy = [at for at in list(self._busy[worker]) if decided <= at < served]
        return max(busy, default=decided) - decided

    def _run(self) -> None:
        with requests.Session() as session:
            while not self._done.wait(LOOK_SECONDS):
                for worker, url in self._urls.items():
                    # One that changes its role may be silent for a moment.
                    with suppress(requests.RequestException, ValueError):
                        load, age_seconds = parse_load(session.get(url, timeout=2).json())
                        if not load.idle:
                            self._busy[worker].append(time.time() - age_seconds)
