"""A plan as a PDInferenceService that applies, or as plain figures."""

import re
from typing import Any

import yaml
from pydantic import ValidationError

from pd_operator.api.autoscaling import Mode
from pd_operator.api.names import API_VERSION, KIND
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.cli.sizing.request import PlanRequest
from pd_operator.performance import bundled_profile_names
from pd_operator.performance.prior import PRIOR_NAME
from pd_operator.planning.limits import BYTES_PER_GIGABIT
from pd_operator.planning.objectives import Objective
from pd_operator.planning.plan import PlanningError, PoolPlan
from pd_operator.planning.search import Sizing

_MODES = {
    Mode.ACTIVE: "# The operator follows the load between minReplicas and maxReplicas.",
    Mode.ADVISORY: "# Advisory: the operator starts one worker of each role and says what it would "
    "do;\n# with mode Active it follows the load between minReplicas and maxReplicas.",
    Mode.PAUSED: "# Paused: the operator changes no replicas.",
}


def plain(request: PlanRequest, sizing: Sizing) -> dict[str, Any]:
    """The plan as figures: seconds, requests per second, tokens."""
    plan, load = sizing.plan, request.load
    return {
        "profile": request.profile.name,
        "method": request.method.value,
        "router": request.policy.value,
        "load": {
            "source": load.source,
            "requestsPerSecond": load.requests_per_second,
            "promptTokensMean": load.prefill.prompt_tokens.mean,
            "outputTokensMean": load.decode.output_tokens.mean,
            "arrivalScv": load.prefill.arrival_scv,
        },
        "feasible": sizing.feasible,
        "summary": sizing.summary,
        "carriedRequestsPerSecond": sizing.carried_requests_per_second,
        "ratio": plan.ratio,
        "gpus": plan.gpus,
        "nodes": sizing.nodes,
        "prefill": _pool(plan.prefill, request.objectives.ttft),
        "decode": _pool(plan.decode, request.objectives.tpot),
    }


def manifest(request: PlanRequest, sizing: Sizing, name: str) -> str:
    """YAML of a PDInferenceService, checked by the API's own model; `PlanningError` where it fails.

    Of a new service the mode is Advisory: what the operator would do is seen before it does it.
    """
    plan, objectives = sizing.plan, request.objectives
    worker = request.profile.surfaces(plan.prefill.tensor_parallel_size)
    per_worker = request.limits.transfer_bytes_per_second(worker)
    autoscaling: dict[str, Any] = {
        "mode": request.mode.value,
        "method": request.method.of_a_service.value,
    }
    if request.limits.gpu_budget is not None:
        autoscaling["gpuBudget"] = request.limits.gpu_budget
    url = request.prometheus_url
    document = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": _object_name(name)},
        "spec": {
            "model": {"path": request.profile.model},
            "engine": {
                **_described(request),
                "transferGigabitsPerSecond": round(per_worker / BYTES_PER_GIGABIT),
            },
            "objectives": {
                "ttft": _objective(objectives.ttft),
                "tpot": _objective(objectives.tpot),
            },
            "prefill": _bounds(plan.prefill),
            "decode": _bounds(plan.decode),
            "router": {"prefillPolicy": request.policy.value},
            "autoscaling": autoscaling,
            "metrics": {"prometheusUrl": url} if url else {},
        },
    }
    try:
        PDInferenceService.parse(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise PlanningError(f"the resource cannot say this plan: {place}: {first['msg']}") from None
    said = (
        f"# {sizing.summary}\n"
        f"# Planned for {request.load.requests_per_second:.3g} requests/s "
        f"({request.load.source}): {plan.prefill.workers} prefill, "
        f"{plan.decode.workers} decode, {plan.gpus} GPUs.\n"
        f"{_MODES[request.mode]}\n"
        f"{_to_create_first(request)}"
    )
    return said + yaml.safe_dump(document, sort_keys=False)


def _described(request: PlanRequest) -> dict[str, Any]:
    """The profile; none for a service that has none, whose engines are learned."""
    reference, name = request.reference, request.profile.name
    if reference is not None:
        return {"profile": reference.model_dump(by_alias=True, exclude_none=True)}
    if name == PRIOR_NAME:
        return {}
    if name in bundled_profile_names():
        return {"profile": {"name": name}}
    return {"profile": {"configMapRef": {"name": _object_name(name)}}}


def _to_create_first(request: PlanRequest) -> str:
    """A profile from a file is nowhere in the cluster yet."""
    place = _described(request).get("profile", {}).get("configMapRef")
    if place is None or request.reference is not None:
        return ""
    return (
        f"# First: kubectl create configmap {place['name']} "
        f"--from-file=profile.json={request.profile.name}.json\n"
    )


def _object_name(name: str) -> str:
    """A name that a Service may have too: no dots, no capitals."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _pool(pool: PoolPlan, objective: Objective) -> dict[str, Any]:
    seen = pool.percentiles
    return {
        "workers": pool.workers,
        "tensorParallelSize": pool.tensor_parallel_size,
        "gpus": pool.gpus,
        "utilization": pool.utilization,
        "limitedBy": pool.limited_by.value,
        "feasible": pool.feasible,
        "reason": pool.reason,
        "objective": {"percentile": objective.percentile, "seconds": objective.seconds},
        "predictedSeconds": {"p50": seen.p50, "p90": seen.p90, "p99": seen.p99} if seen else None,
    }


def _bounds(pool: PoolPlan) -> dict[str, int]:
    return {
        "minReplicas": 1,
        "maxReplicas": min(1000, 2 * pool.workers),
        "tensorParallelSize": pool.tensor_parallel_size,
    }


def _objective(objective: Objective) -> dict[str, int]:
    return {
        "percentile": objective.percentile,
        "milliseconds": max(1, round(objective.seconds * 1e3)),
    }
