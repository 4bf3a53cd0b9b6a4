"""A pod's status follows from its containers' states."""

from dataclasses import replace

import pytest

from pd_e2e.nodes.reporter import agrees
from pd_e2e.nodes.states import ContainerStatus, PodStatus, Running, Terminated, Waiting

AT = "2026-01-01T00:00:00Z"
WAITING = ContainerStatus("main", "image")
RUNNING = replace(WAITING, state=Running(AT), started=True, ready=True)
SUCCEEDED = replace(WAITING, state=Terminated(0, "Completed", AT, AT))
FAILED = replace(WAITING, state=Terminated(1, "Error", AT, AT))
CRASHING = replace(WAITING, state=Waiting("CrashLoopBackOff"), restart_count=2)


def pod(*containers: ContainerStatus, initialized: bool = True, ended: bool = False) -> PodStatus:
    return PodStatus("127.64.0.1", "127.0.0.1", AT, (), frozenset(), containers, initialized, ended)


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        (pod(WAITING), "Pending"),
        (pod(RUNNING, WAITING), "Running"),
        (pod(CRASHING), "Running"),
        (pod(FAILED), "Running"),
        (pod(SUCCEEDED, SUCCEEDED, ended=True), "Succeeded"),
        (pod(SUCCEEDED, FAILED, ended=True), "Failed"),
        (pod(WAITING, ended=True), "Failed"),
        (pod(RUNNING, initialized=False), "Pending"),
    ],
)
def test_the_phase_follows_from_the_containers(status: PodStatus, phase: str) -> None:
    assert status.phase == phase


def test_a_pod_is_ready_when_every_container_is() -> None:
    unready = replace(RUNNING, name="other", ready=False)
    conditions = {c["type"]: c for c in pod(RUNNING, unready).to_api(())["conditions"]}
    assert conditions["Ready"]["status"] == "False"
    assert conditions["Ready"]["message"] == "containers with unready status: [other]"
    conditions = {c["type"]: c for c in pod(RUNNING, RUNNING).to_api(())["conditions"]}
    assert conditions["Ready"]["status"] == "True"


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    before = pod(RUNNING).to_api(())["conditions"]
    old = [{**condition, "lastTransitionTime": AT} for condition in before]
    same = {c["type"]: c for c in pod(RUNNING).to_api(old)["conditions"]}
    assert same["Ready"]["lastTransitionTime"] == AT
    changed = {c["type"]: c for c in pod(WAITING).to_api(old)["conditions"]}
    assert changed["Ready"]["lastTransitionTime"] != AT
    assert changed["Initialized"]["lastTransitionTime"] == AT


def test_what_the_api_shows_is_compared_field_by_field() -> None:
    wanted = pod(RUNNING).to_api(())
    shown = {**wanted, "qosClass": "BestEffort"}
    assert agrees(wanted, shown)
    scheduled = {"type": "PodScheduled", "status": "True"}
    assert agrees(wanted, {**shown, "conditions": [scheduled, *wanted["conditions"]]})
    assert not agrees(wanted, {**shown, "podIP": "127.64.0.2"})
    unready = [{**condition, "status": "False"} for condition in wanted["conditions"]]
    assert not agrees(wanted, {**shown, "conditions": unready})
    assert not agrees(wanted, {**shown, "containerStatuses": []})


def test_an_agent_that_comes_back_counts_what_died_with_the_last_one() -> None:
    resumed = WAITING.resumed_after(RUNNING.to_api())
    assert resumed.restart_count == 1
    assert resumed.last_termination is not None
    assert resumed.last_termination.reason == "ContainerStatusUnknown"
    assert WAITING.resumed_after(CRASHING.to_api()).restart_count == 2
    assert WAITING.resumed_after(None) == WAITING
