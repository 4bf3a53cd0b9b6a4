"""The router's sidecar: writes the worker table to the file that the router reads.

Requests keep flowing, to new ready workers too, while the operator is down. While the API
server is away the last table stays in force, across restarts of the sidecar as well.
"""

import logging
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from kubernetes.client.api_client import ApiClient

from pd_operator.api.names import ServiceKey
from pd_operator.routing.pod_watch import follow_pods
from pd_operator.routing.repeating import repeating
from pd_operator.routing.silence import given_up, silent_since
from pd_operator.routing.table_file import TableFile
from pd_operator.routing.worker_table import WorkerTable, worker_table

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""A worker that stays silent makes no event: the pods are looked at again without one."""


def run_worker_table(key: ServiceKey, output: Path, connect: Callable[[], ApiClient]) -> None:
    """Keep `output` equal to the worker table of one service; never returns.

    Raises `OSError` when the file cannot be written, and what `connect` raises: both need a person.
    """
    table_file = TableFile(output)
    silent: dict[str, float] = {}
    for pods in repeating(follow_pods(key, connect), LOOK_SECONDS):
        now = time.monotonic()
        silent = silent_since(silent, pods, now)
        table = worker_table(pods, given_up(silent, now))
        if table_file.write(table):
            logger.info("%s: %s in force", key, _summary(table))


def main(key: ServiceKey, output: Path, connect: Callable[[], ApiClient]) -> int:
    """Run as a process until SIGTERM; the exit code says whether it ended as wanted."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    try:
        run_worker_table(key, output, connect)
    except OSError as error:
        logger.critical("cannot write %s: %s", output, error)
    return 1


def _leave(_number: int, _frame: FrameType | None) -> None:
    """Leave at once, from within whatever waits: a rename is atomic, so there is no half-way."""
    sys.exit(0)


def _summary(table: WorkerTable) -> str:
    count = Counter(worker["worker_type"] for worker in table["workers"])
    return f"{count['prefill']} prefill and {count['decode']} decode workers"
