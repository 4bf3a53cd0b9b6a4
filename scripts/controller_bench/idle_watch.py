"""When engines last had something to do, by what they say themselves."""

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Self

import requests

from pd_operator.api.names import ENGINE_PORT
from pd_operator.telemetry.engine_load import parse_load

LOOK_SECONDS = 0.2
"""Between two looks at all engines: as exact a wait is."""


class IdleWatch:
    """Asks engines for their load over and over, from entering the block to leaving it."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        """`addresses`: pod IPs by worker."""
        self._urls = {
            worker: f"http://{ip}:{ENGINE_PORT}/v1/loads" for worker, ip in addresses.items()
        }
        self._busy: dict[str, list[float]] = {worker: [] for worker in addresses}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def wait_seconds(self, worker: str, decided: float, served: float) -> float:
        """How long a worker was yet busy after a decision and before it served (Unix seconds)."""
        busy = [at for at in list(self._busy[worker]) if decided <= at < served]
        return max(busy, default=decided) - decided

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        with requests.Session() as session:
            while not self._done.wait(LOOK_SECONDS):
                for worker, url in self._urls.items():
                    # One that changes its role may be silent for a moment.
                    with suppress(requests.RequestException, ValueError):
                        load, age_seconds = parse_load(session.get(url, timeout=2).json())
                        if not load.idle:
                            self._busy[worker].append(time.time() - age_seconds)
