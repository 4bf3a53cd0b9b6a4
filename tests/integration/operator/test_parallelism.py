"""Tensor-parallel sizes left to the operator: chosen once, told, and kept ever after."""

import json
from typing import Any

import pytest

from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.prometheus import Prometheus
from pd_e2e.cluster.waiting import eventually
from pd_operator.api.conditions import ConditionType
from pd_operator.api.names import pool_name
from pd_operator.api.roles import Role

from .installed import InstalledOperator
from .service import NAME, RunningService, manifest
from .test_first_steps import kubectl_pd
from .traffic import ask

pytestmark = pytest.mark.controlplane

AUTO = {
    "parallelism": "Auto",
    "expectedLoad": {"requestsPerSecond": 5, "promptTokens": 1000, "outputTokens": 100},
    "objectives": {"ttft": {"milliseconds": 1000}, "tpot": {"milliseconds": 20}},
}
"""A decode step of TP1 takes longer than 20 ms on this GPU."""


def sizes(chat: RunningService) -> dict[Role, tuple[str, str]]:
    """What each pool's Deployment asks for: SGLang's --tp-size, and GPUs."""
    found = {}
    for role in Role:
        pod: Any = chat.get("deployment", pool_name(NAME, role))["spec"]["template"]["spec"]
        engine = next(one for one in pod["containers"] if one["name"] == "engine")
        size = engine["args"][engine["args"].index("--tp-size") + 1]
        found[role] = (size, engine["resources"]["limits"]["nvidia.com/gpu"])
    return found


def forget_status(chat: RunningService) -> None:
    chat.kubectl(
        *("patch", "pdis", NAME, "--subresource=status", "--type=merge"),
        f"--patch={json.dumps({'status': {'parallelism': None}})}",
    )


def test_sizes_are_chosen_once_told_and_kept_through_edits_restarts_and_a_lost_status(
    operator: InstalledOperator,
    prometheus: Prometheus,
    control_plane: ControlPlane,
    namespace: str,
) -> None:
    chat = RunningService(control_plane, namespace)
    unknown = {"engine": {"profile": {"name": "llama-9-h900"}}}
    chat.apply(manifest(prometheus.url, **AUTO, **unknown))

    # Until there is a profile, nothing is created, and it is said why and what to do.
    said = chat.await_condition(ConditionType.READY, "False", "ParallelismUndecided")
    assert "llama-3.1-8b-l40s" in said.message
    assert chat.condition(ConditionType.SLO_FEASIBLE).reason == "UnknownProfile"
    assert chat.kubectl("get", "deployments", "--output=name") == ""
    assert len(chat.events("ParallelismUndecided")) == 1

    # Nor while no size meets the objectives.
    known = {"engine": {"profile": {"name": "llama-3.1-8b-l40s"}}}
    chat.edit(**known, objectives={"tpot": {"milliseconds": 2}})
    chat.await_condition(ConditionType.SLO_FEASIBLE, "False", "TPOTInfeasible")
    assert chat.kubectl("get", "deployments", "--output=name") == ""

    chat.edit(objectives=AUTO["objectives"])
    chat.await_fewest_workers()
    chosen = chat.status.parallelism
    assert chosen is not None
    assert chosen.prefill_tensor_parallel_size == chosen.decode_tensor_parallel_size == 2
    assert sizes(chat) == dict.fromkeys(Role, ("2", "2"))
    assert ask(chat.router_url, tokens=3) == 3
    assert [m for m in chat.events("ParallelismChosen") if "Fewest GPUs (4)" in m]
    explained = kubectl_pd(control_plane, "explain", NAME, "-n", namespace).stdout
    assert "prefill TP2, decode TP2" in explained

    # Objectives that TP1 would do for, a restart, and the loss of the status change nothing.
    before = chat.workers()
    chat.edit(objectives={"tpot": {"milliseconds": 100}})
    operator.await_ticks(namespace, 2)
    operator.stop()
    operator.start()
    operator.await_ticks(namespace, 2)
    assert chat.status.parallelism == chosen

    operator.stop()
    forget_status(chat)
    operator.start()
    eventually(lambda: chat.status.parallelism, timeout_seconds=60)
    adopted = chat.status.parallelism
    assert adopted is not None
    assert adopted.decode_tensor_parallel_size == 2
    assert "Deployments had them already" in adopted.message
    operator.await_ticks(namespace, 2)
    assert sizes(chat) == dict.fromkeys(Role, ("2", "2"))
    assert chat.workers() == before
