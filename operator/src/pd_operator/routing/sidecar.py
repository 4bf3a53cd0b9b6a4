"""The router's sidecar: writes the worker table to the file that the router reads.

Requests keep flowing, to new ready workers too, while the operator is down. While the API
server is away the last table stays in force, across restarts of the sidecar as well.
"""

import logging
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from kubernetes import client, config
from kubernetes.config import ConfigException

from pd_operator.api.names import ServiceKey
from pd_operator.routing.pod_watch import follow_pods
from pd_operator.routing.table_file import TableFile
from pd_operator.routing.worker_table import WorkerTable, worker_table

logger = logging.getLogger(__name__)


def run_worker_table(
    service: str,
    namespace: str,
    output: Path,
    connect: Callable[[], client.ApiClient] | None = None,
) -> None:
    """Keep `output` equal to the worker table of one service; never returns.

    Raises `OSError` when the file cannot be written and `ConfigException` when there is
    neither a service account nor a kubeconfig: both need a person.
    """
    key = ServiceKey(namespace, service)
    table_file = TableFile(output)
    for pods in follow_pods(key, connect or connect_to_cluster):
        table = worker_table(pods)
        if table_file.write(table):
            logger.info("%s: %s in force", key, _summary(table))


def connect_to_cluster() -> client.ApiClient:
    """From the pod's service account, or from `KUBECONFIG` outside a pod."""
    settings = client.Configuration()
    config.load_config(client_configuration=settings)
    # The caller decides when to try again.
    settings.retries = False
    return client.ApiClient(settings)


def main(service: str, namespace: str, output: Path) -> int:
    """Run as a process until SIGTERM; the exit code says whether it ended as wanted."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    try:
        run_worker_table(service, namespace, output)
    except ConfigException as error:
        logger.critical("no way to the API server: %s", error)
    except OSError as error:
        logger.critical("cannot write %s: %s", output, error)
    return 1


def _leave(_number: int, _frame: FrameType | None) -> None:
    """Leave at once, from within whatever waits: a rename is atomic, so there is no half-way."""
    sys.exit(0)


def _summary(table: WorkerTable) -> str:
    count = Counter(worker["worker_type"] for worker in table["workers"])
    return f"{count['prefill']} prefill and {count['decode']} decode workers"
