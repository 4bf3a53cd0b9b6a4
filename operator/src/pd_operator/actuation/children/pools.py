"""The Deployment of one pool of workers."""

import math
from collections.abc import Mapping
from typing import Any

from pd_operator.actuation.children.engine_arguments import ENGINE_COMMAND, engine_arguments
from pd_operator.actuation.children.metadata import Manifest, labels, metadata, pool, selector
from pd_operator.actuation.children.pods import (
    END_IS_TOLD,
    downward_env,
    http_probe,
    pod_template,
    pre_stop,
    rolling_update,
)
from pd_operator.api.names import (
    ANNOTATION_BOOTSTRAP_PORT,
    BOOTSTRAP_PORT,
    ENGINE_PORT,
    PORT_BOOTSTRAP,
    PORT_HTTP,
)
from pd_operator.api.pods import ENGINE_CONTAINER
from pd_operator.api.roles import Role
from pd_operator.api.rollouts import RolloutStrategy
from pd_operator.api.v1alpha1 import PDInferenceService

_PROBE_SECONDS = 2

QUICK_HEALTH: Manifest = {"name": "SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION", "value": "0"}
"""SGLang's `/health` answers at once then, and generates no token, which takes a second at least.

The router asks for it twice before it sends requests to a worker, after each change of role, too.
"""
_STARTUP_FLOOR_SECONDS = 1800
"""A cold node downloads and loads for half an hour before a start-up counts as failed."""

_ROUTER_NOTICES_SECONDS = 10
"""A rollout takes the old worker away no sooner than this after the new one is ready: the router
sends requests to a worker only when it has read the table and looked at the worker itself."""


def pool_deployment(
    service: PDInferenceService,
    role: Role,
    replicas: int | None = None,
    *,
    makes_room: bool = False,
) -> Manifest:
    """The Deployment of a pool.

    `replicas` belongs to `/scale` and is left out. If it was ever applied it must be applied
    ever after: left out then, server-side apply gives the field up and it falls back to 1.
    `makes_room`: a rollout that is left to the operator takes an old worker away first.
    """
    strategy = service.spec.pool(role).rollout_strategy
    replace = strategy is RolloutStrategy.REPLACE or (
        strategy is RolloutStrategy.AUTO and makes_room
    )
    name = pool(service, role)
    startup = startup_budget_seconds(service, role)
    size: Manifest = {} if replicas is None else {"replicas": replicas}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(service, name, role.value),
        "spec": {
            **size,
            "selector": {"matchLabels": selector(service, role.value)},
            "strategy": rolling_update(replace=replace),
            "minReadySeconds": _ROUTER_NOTICES_SECONDS,
            # A worker that is still within its start-up budget is not a failed rollout.
            "progressDeadlineSeconds": startup + 300,
            "template": _worker_template(service, role),
        },
    }


def startup_budget_seconds(service: PDInferenceService, role: Role) -> int:
    """Seconds after which a worker that is not ready is restarted."""
    expected = service.spec.pool(role).expected_startup_seconds
    return max(_STARTUP_FLOOR_SECONDS, 4 * expected)


def _worker_template(service: PDInferenceService, role: Role) -> Manifest:
    pool_spec = service.spec.pool(role)
    return pod_template(
        labels(service, role.value),
        role.value,
        {
            "containers": [_engine_container(service, role)],
            "terminationGracePeriodSeconds": pool_spec.termination_grace_period_seconds,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            **_own_process_namespace(pool_spec.template),
        },
        pool_spec.template,
        # On both roles: every SGLang server has a registry that it uses as a prefill.
        annotations={ANNOTATION_BOOTSTRAP_PORT: str(BOOTSTRAP_PORT)},
    )


def _own_process_namespace(template: Mapping[str, Any]) -> Manifest:
    """One process namespace for all of the pod, so that SGLang is not process 1 of its container.

    When its scheduler fails, SGLang 0.5.23 sends itself SIGKILL and then exits with 0. Process 1
    is not reached by its own SIGKILL, and a crash would pass for a good end, about which the
    kubelet tells nothing. Kubernetes refuses it beside `hostPID`, with which it is not needed.
    """
    spec = template.get("spec")
    of_host = isinstance(spec, Mapping) and spec.get("hostPID")
    return {} if of_host else {"shareProcessNamespace": True}


def _engine_container(service: PDInferenceService, role: Role) -> Manifest:
    return {
        "name": ENGINE_CONTAINER,
        "image": service.spec.engine.image,
        "command": list(ENGINE_COMMAND),
        "args": engine_arguments(service, role),
        "env": [
            downward_env("POD_IP", "status.podIP"),
            downward_env("POD_NAME", "metadata.name"),
            QUICK_HEALTH,
        ],
        "ports": [
            {"name": PORT_HTTP, "containerPort": ENGINE_PORT, "protocol": "TCP"},
            {"name": PORT_BOOTSTRAP, "containerPort": BOOTSTRAP_PORT, "protocol": "TCP"},
        ],
        "resources": {"limits": _gpus(service, role)},
        "lifecycle": pre_stop(),
        **END_IS_TOLD,
        **_probes(startup_budget_seconds(service, role)),
    }


def _gpus(service: PDInferenceService, role: Role) -> Manifest:
    resource = service.spec.engine.gpu_resource
    return {resource: str(service.spec.pool(role).tensor_parallel_size)} if resource else {}


def _probes(startup_seconds: int) -> Manifest:
    return {
        # /ready answers within milliseconds and turns 503 on SIGTERM; it generates nothing.
        "startupProbe": http_probe(
            "/ready",
            PORT_HTTP,
            periodSeconds=_PROBE_SECONDS,
            timeoutSeconds=2,
            failureThreshold=math.ceil(startup_seconds / _PROBE_SECONDS),
        ),
        "readinessProbe": http_probe(
            "/ready",
            PORT_HTTP,
            periodSeconds=_PROBE_SECONDS,
            timeoutSeconds=2,
            failureThreshold=3,
        ),
        # /health_generate does: at least 1 s, up to 20 s under load. A shorter timeout, or fewer
        # failures, would kill a server for being busy.
        "livenessProbe": http_probe(
            "/health_generate",
            PORT_HTTP,
            periodSeconds=30,
            timeoutSeconds=25,
            failureThreshold=3,
            # A server that has hung for so long finishes nothing in the pods' long grace period.
            terminationGracePeriodSeconds=30,
        ),
    }
