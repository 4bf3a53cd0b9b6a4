"""Whether the cluster's nodes offer GPUs."""

from collections.abc import Iterable
from itertools import chain

from pd_operator.actuation.cluster import Cluster, ClusterError, Object
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.cli.checking.findings import Finding, act, note, ok
from pd_operator.cli.kinds import NODE

NVIDIA = "nvidia.com/gpu"


async def gpus(cluster: Cluster, service: PDInferenceService | None) -> Finding:
    """GPUs of the nodes that take pods, beside what the service needs at least and at most."""
    resource = service.spec.engine.gpu_resource if service else NVIDIA
    if not resource:
        return note("GPUs", "The service takes its GPUs by resource claims, which are not counted.")
    try:
        nodes = await cluster.select(NODE, "", {})
    except ClusterError as error:
        return note("GPUs", f"The nodes may not be listed: {error.message}")
    counts = [count for node in nodes if (count := _offered(node, resource))]
    if not counts:
        return act(
            "GPUs",
            f"No node offers {resource}.",
            "Install the vendor's device plugin, or name another resource in spec.engine."
            "gpuResource.",
        )
    told = f"{sum(counts)} {resource} on {len(counts)} of {len(nodes)} nodes"
    if service is None:
        return ok("GPUs", f"{told}.")
    return _beside(told, sum(counts), _needs(service))


def _beside(told: str, offered: int, needs: tuple[int, int]) -> Finding:
    least, most = needs
    words = f"{told}; the service holds {least} at least and {most} at most."
    if offered < least:
        return act("GPUs", words, "Add GPU nodes, or lower minReplicas.")
    if offered < most:
        return note("GPUs", words, "Add GPU nodes, let an autoscaler do it, or lower maxReplicas.")
    return ok("GPUs", words)


def _needs(service: PDInferenceService) -> tuple[int, int]:
    pools = [service.with_tensor_parallel().spec.pool(role) for role in Role]
    most = sum(pool.max_replicas * pool.tensor_parallel_size for pool in pools)
    budget = service.spec.autoscaling.gpu_budget
    least = sum(pool.minimum_gpus for pool in pools)
    return least, most if budget is None else min(most, budget)


def _offered(node: Object, resource: str) -> int:
    spec, status = node.get("spec") or {}, node.get("status") or {}
    if spec.get("unschedulable"):
        return 0
    counts: Iterable[str] = chain([(status.get("allocatable") or {}).get(resource, "0")])
    return sum(int(count) for count in counts if count.isdecimal())
