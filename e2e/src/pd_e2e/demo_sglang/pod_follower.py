"""Tells a worker log of every state of the pods: what is looked at now and then is missed."""

import logging
import threading
import time
from types import TracebackType
from typing import Self

from kubernetes import client, config

from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.demo.stage import SERVICE
from pd_e2e.demo_sglang.worker_log import WorkerLog
from pd_operator.routing import pod_watch


class PodFollower:
    """Follows the service's workers while the context lasts."""

    def __init__(self, control_plane: ControlPlane, log: WorkerLog) -> None:
        self._kubeconfig = str(control_plane.kubeconfig)
        self._log = log
        self._left = threading.Event()

    def __enter__(self) -> Self:
        # It ends with the process: what it waits for is cut when the API server ends.
        threading.Thread(target=self._follow, name="pods", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._left.set()
        logging.getLogger(pod_watch.__name__).disabled = True

    def _follow(self) -> None:
        for pods in pod_watch.follow_pods(SERVICE, self._connect):
            if self._left.is_set():
                return
            self._log.look(pods, time.time())

    def _connect(self) -> client.ApiClient:
        api: client.ApiClient = config.new_client_from_config(config_file=self._kubeconfig)
        return api
