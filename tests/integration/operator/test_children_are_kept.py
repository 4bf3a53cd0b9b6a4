"""Children follow the spec, and come back when somebody else lays hands on them."""

import json
from pathlib import Path

import pytest

from pd_e2e.cluster.waiting import eventually
from pd_operator.api.names import LABEL_SERVICE
from pd_operator.api.roles import Role

from .service import NAME, RunningService
from .traffic import SteadyLoad

pytestmark = pytest.mark.controlplane

POOLS = tuple(f"{NAME}-{role}" for role in Role)


def engine_arguments(chat: RunningService, pool: str) -> list[str]:
    (container,) = chat.get("deployment", pool)["spec"]["template"]["spec"]["containers"]
    arguments: list[str] = container["args"]
    return arguments


def edges(arguments: list[str], flag: str) -> list[str]:
    after = arguments[arguments.index(flag) + 1 :]
    return after[: next(at for at, word in enumerate(after) if word.startswith("--"))]


def rolled_out(chat: RunningService, deployment: str) -> bool:
    stored = chat.get("deployment", deployment)
    status = stored["status"]
    return bool(
        status["observedGeneration"] == stored["metadata"]["generation"]
        and status["replicas"] == status["updatedReplicas"] == status["readyReplicas"]
    )


def test_an_edited_objective_becomes_a_bucket_edge_without_a_lost_request(
    chat: RunningService, tmp_path: Path
) -> None:
    before = chat.workers()
    flag = "--bucket-time-to-first-token"
    load = SteadyLoad(
        chat.router_url, tmp_path / "load", rate=4, input_tokens=200, output_tokens=20
    )
    with load:
        load.goes_on()
        chat.edit(objectives={"ttft": {"milliseconds": 750}})

        eventually(lambda: all("0.75" in edges(engine_arguments(chat, p), flag) for p in POOLS))
        eventually(lambda: all(rolled_out(chat, pool) for pool in POOLS), timeout_seconds=60)
        chat.await_workers(prefill=1, decode=1)
        load.goes_on()
    resource = chat.resource()
    assert resource.status.observed_generation == resource.metadata.generation
    assert not before & chat.workers()
    assert load.failures() == []


@pytest.mark.parametrize("child", ["poddisruptionbudget/chat-decode", "role/chat-router"])
def test_a_child_deleted_by_hand_comes_back(chat: RunningService, child: str) -> None:
    kind, name = child.split("/")
    uid = chat.get(kind, name)["metadata"]["uid"]

    chat.kubectl("delete", child)
    eventually(lambda: chat.get(kind, name)["metadata"]["uid"] != uid, timeout_seconds=10)
    eventually(lambda: [m for m in chat.events("ChildrenApplied") if name in m])


def test_a_child_edited_by_hand_is_put_right(chat: RunningService) -> None:
    before = engine_arguments(chat, f"{NAME}-decode")
    workers = chat.workers()
    patch = [{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--mine"}]

    chat.kubectl(
        "patch", f"deployment/{NAME}-decode", "--type=json", f"--patch={json.dumps(patch)}"
    )
    eventually(lambda: engine_arguments(chat, f"{NAME}-decode") == before, timeout_seconds=10)
    eventually(lambda: f"Applied Deployment/{NAME}-decode." in chat.events("ChildrenApplied"))
    eventually(lambda: rolled_out(chat, f"{NAME}-decode"))
    assert chat.workers() == workers


def test_no_child_outlives_the_resource(chat: RunningService) -> None:
    kinds = (
        "deployments,services,poddisruptionbudgets,serviceaccounts,roles,rolebindings,replicasets"
    )
    selector = f"--selector={LABEL_SERVICE}={NAME}"
    chat.kubectl("delete", "pdis", NAME)

    left = ("get", kinds, selector, "--output=name", "--ignore-not-found")
    eventually(lambda: not chat.kubectl(*left), timeout_seconds=60)
    eventually(lambda: not chat.workers())
