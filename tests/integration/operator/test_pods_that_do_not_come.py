"""Pods that a quota, the nodes, an image or a crash keeps away: told in Kubernetes' own words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.prometheus import Prometheus
from pd_e2e.cluster.waiting import eventually
from pd_operator.api.conditions import ConditionType
from pd_operator.api.names import LABEL_SERVICE, ROLE_ROUTER, pool_name
from pd_operator.api.roles import Role

from .installed import InstalledOperator
from .service import NAME, RunningService, manifest, template

pytestmark = pytest.mark.controlplane

Serve = Callable[..., RunningService]
DECODE = pool_name(NAME, Role.DECODE)
RECORDED = Path(__file__).parents[2] / "unit" / "telemetry" / "last_words"
QUOTA = "requests.nvidia.com/gpu"


GPUS_BY_CLAIM = {
    "apiVersion": "v1",
    "kind": "List",
    "items": [
        {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "DeviceClass",
            "metadata": {"name": "a-gpu"},
            "spec": {},
        },
        {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "ResourceClaimTemplate",
            "metadata": {"name": "one-gpu"},
            "spec": {
                "spec": {
                    "devices": {
                        "requests": [{"name": "gpu", "exactly": {"deviceClassName": "a-gpu"}}]
                    }
                }
            },
        },
    ],
}


def shown_reason(chat: RunningService) -> str:
    header, row = chat.kubectl("get", "pdis").splitlines()
    return dict(zip(header.split(), row.split(), strict=True))["REASON"]


def with_pod(**changes: Any) -> Any:
    """The pools' template with something more in its pod."""
    one = template()
    return {"spec": one["spec"] | changes}


def with_image(image: str) -> Any:
    (engine,) = template()["spec"]["containers"]
    return with_pod(containers=[engine | {"image": image}])


def test_pods_that_a_quota_refuses_are_told_and_asked_for_no_further(
    operator: InstalledOperator, serve: Serve
) -> None:
    chat = serve(decode={"maxReplicas": 9})
    chat.kubectl("create", "quota", "gpus", f"--hard={QUOTA}=3")
    eventually(lambda: chat.get("quota", "gpus")["status"]["used"][QUOTA] == "2")
    chat.edit(decode={"minReplicas": 4})

    chat.await_condition(ConditionType.CAPACITY_AVAILABLE, "False", "WorkersRefused")
    eventually(lambda: len(chat.ready_pods(Role.DECODE)) == 2)
    operator.await_ticks(chat.namespace, 2)
    message = eventually(
        lambda: (
            "2 decode workers missing"
            in (said := chat.condition(ConditionType.CAPACITY_AVAILABLE).message)
            and said
        )
    )
    assert "exceeded quota: gpus" in str(message)
    assert chat.events("WorkersRefused")
    assert shown_reason(chat) == "WorkersRefused"
    assert chat.replicas(Role.DECODE) == 4

    raised = f'{{"spec": {{"hard": {{"{QUOTA}": "8"}}}}}}'
    chat.kubectl("patch", "quota", "gpus", f"--patch={raised}")
    of_service = f"--selector={LABEL_SERVICE}={NAME}"
    chat.kubectl("annotate", "replicasets", of_service, "tried=again", "--overwrite")
    chat.await_condition(ConditionType.CAPACITY_AVAILABLE, "True", "AllScheduled")
    eventually(lambda: len(chat.ready_pods(Role.DECODE)) == 4)


def test_a_router_and_workers_that_other_policies_refuse_are_told_of_too(
    operator: InstalledOperator,
    prometheus: Prometheus,
    control_plane: ControlPlane,
    namespace: str,
) -> None:
    chat = RunningService(control_plane, namespace)
    everything_takes_a_gpu = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "gpus"},
        "spec": {"limits": [{"type": "Pod", "min": {"nvidia.com/gpu": "1"}}]},
    }
    chat.apply(everything_takes_a_gpu)
    chat.apply(manifest(prometheus.url))
    chat.await_condition(ConditionType.READY, "False", "NoReadyRouter", timeout_seconds=90)

    def said() -> bool:
        message = chat.condition(ConditionType.READY).message
        assert "minimum nvidia.com/gpu usage per Pod is 1" in message, message
        return True

    eventually(said)
    display = chat.status.display
    assert display is not None
    assert display.reason == "NoReadyRouter"

    chat.kubectl("delete", "limitrange", "gpus")
    of_service = f"--selector={LABEL_SERVICE}={NAME}"
    chat.kubectl("annotate", "replicasets", of_service, "tried=again", "--overwrite")
    chat.await_fewest_workers()

    pods = len(chat.pods(Role.PREFILL)) + len(chat.pods(Role.DECODE)) + len(chat.pods(ROLE_ROUTER))
    chat.kubectl("create", "quota", "few", f"--hard=pods={pods}")
    eventually(lambda: chat.get("quota", "few")["status"]["used"]["pods"] == str(pods))
    chat.edit(decode={"minReplicas": 2})
    refused = chat.await_condition(ConditionType.CAPACITY_AVAILABLE, "False", "WorkersRefused")
    assert "exceeded quota: few" in refused.message
    assert "1 decode worker missing" in refused.message


def test_what_the_scheduler_and_the_kubelet_say_is_passed_on(serve: Serve) -> None:
    chat = serve()
    # An edit of a pool whose worker is ready, but not yet for minReadySeconds, removes that worker
    # first: the Deployment counts it among the unhealthy.
    eventually(lambda: chat.get("deployment", DECODE)["status"].get("availableReplicas") == 1)

    def told(reason: str, words: str) -> str:
        def said() -> str:
            condition = chat.condition(ConditionType.CAPACITY_AVAILABLE)
            assert condition.reason == reason, condition
            assert words in condition.message
            return condition.message

        return str(eventually(said))

    chat.edit(decode={"template": with_pod(nodeSelector={"no-node": "has-this"})})
    assert "GPU" not in told("WorkersUnschedulable", "didn't match Pod's node affinity/selector")

    without = {"nodeSelector": None}
    chat.edit(decode={"template": {"spec": with_image("nowhere/engine:v9")["spec"] | without}})
    told("WorkersFailing", "nowhere/engine:v9")
    assert shown_reason(chat) == "WorkersFailing"

    # GPUs by claims, which no driver offers here; and a level that the simulator's pods break.
    chat.apply(GPUS_BY_CLAIM)
    (engine,) = template()["spec"]["containers"]
    claiming = with_pod(
        resourceClaims=[{"name": "gpus", "resourceClaimTemplateName": "one-gpu"}],
        containers=[engine | {"resources": {"claims": [{"name": "gpus"}]}}],
    )
    chat.edit(decode={"template": claiming})
    waits = (
        "cannot allocate all claims. A rollout waits, not the load: add a GPU node, or set decode"
    )
    told("WorkersUnschedulable", waits)
    level = "pod-security.kubernetes.io/enforce"
    chat.kubectl("label", "namespace", chat.namespace, f"{level}=restricted")
    slower = template(PD_ENGINE_STARTUP_SECONDS="2")
    chat.edit(decode={"template": {"spec": slower["spec"] | {"resourceClaims": None}}})
    assert "is forbidden" in told("WorkersRefused", 'violates PodSecurity "restricted:latest"')
    chat.kubectl("label", "namespace", chat.namespace, f"{level}-")

    broken = template(PD_ENGINE_STARTUP_SECONDS="never")
    chat.edit(decode={"template": broken})
    said = told("WorkersFailing", "exit code 2 (Error)")
    assert "sglang serve: error: PD_ENGINE_STARTUP_SECONDS" in said

    # As the real SGLang ends where the model's folder is not there.
    log = (RECORDED / "no_model_folder.log").read_text(encoding="utf-8")
    ends = {
        "command": ["sh", "-c", 'printf "%s" "$LAST_WORDS" >&2; kill -KILL $$$$'],
        "env": [{"name": "LAST_WORDS", "value": log.replace("$", "$$")}],
    }
    chat.edit(decode={"template": with_pod(containers=[engine | ends])})
    told("WorkersFailing", "no model at '/models/llama': no such folder. See `kubectl describe pod")

    chat.edit(decode={"template": template()})
    chat.await_condition(ConditionType.CAPACITY_AVAILABLE, "True", "AllScheduled")
