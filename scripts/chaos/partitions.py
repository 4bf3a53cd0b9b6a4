"""Two leaders over partitions: the orders of the contract test, on this run's API server."""

import asyncio
import logging

from kubernetes import client
from tests.contract.leadership.partitioned import Orders, play_orders
from tests.contract.leadership.pool import WORKERS, deployment, worker

from pd_e2e.cluster.controlplane import ControlPlane

NAMESPACE = "partitions"


def play_partitions(control_plane: ControlPlane, first_seed: int, count: int) -> Orders:
    """Play so many orders of partitions, in a namespace of their own."""
    control_plane.kubectl("create", "namespace", NAMESPACE)
    client.AppsV1Api(control_plane.admin).create_namespaced_deployment(NAMESPACE, deployment())
    for name in WORKERS:
        client.CoreV1Api(control_plane.admin).create_namespaced_pod(NAMESPACE, worker(name))
    # Each term's end is logged, and nothing else is to be expected of a partition.
    logging.getLogger("pd_operator.leadership").setLevel(logging.ERROR)
    loop = asyncio.new_event_loop()
    try:
        seeds = range(first_seed, first_seed + count)
        return play_orders(seeds, control_plane.admin, loop.run_until_complete, NAMESPACE)
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
