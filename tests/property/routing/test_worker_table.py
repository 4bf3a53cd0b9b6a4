"""The worker table follows from the pods alone."""

import json
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pd_operator.api.names import (
    ANNOTATION_BOOTSTRAP_PORT,
    BOOTSTRAP_PORT,
    LABEL_ROLE,
    LABEL_TRAFFIC,
)
from pd_operator.routing.worker_table import worker_table

Pod = dict[str, Any]

ROLES = st.sampled_from(["prefill", "decode", "router", "nonsense", None])
TRUTHS = st.sampled_from(["True", "False", "Unknown", None])
ADDRESSES = st.sampled_from(["127.1.0.1", "10.0.0.7", "fd00::7", "", None])


@st.composite
def pods(draw: st.DrawFn) -> list[Pod]:
    return [draw(_pod(f"pod-{number}")) for number in range(draw(st.integers(0, 8)))]


@st.composite
def _pod(draw: st.DrawFn, name: str) -> Pod:
    labels = {LABEL_ROLE: draw(ROLES), LABEL_TRAFFIC: draw(st.sampled_from(["off", "on", None]))}
    ready, containers_ready = draw(TRUTHS), draw(TRUTHS)
    if ready == "True":
        # The kubelet never says that a pod is ready and its containers are not.
        containers_ready = "True"
    conditions = {"Ready": ready, "ContainersReady": containers_ready}
    port = draw(st.sampled_from(["8998", "9000", "0", "99999", "-1", "x", "", "٣", None]))
    return {
        "metadata": {
            "name": name,
            "uid": f"uid-of-{name}",
            "labels": {key: value for key, value in labels.items() if value is not None},
            "annotations": {} if port is None else {ANNOTATION_BOOTSTRAP_PORT: port},
            "deletionTimestamp": draw(st.sampled_from([None, None, "2026-11-21T00:00:00Z"])),
        },
        "status": {
            "phase": draw(st.sampled_from(["Running", "Running", "Pending", "Failed"])),
            "podIP": draw(ADDRESSES),
            "conditions": [
                {"type": kind, "status": status}
                for kind, status in conditions.items()
                if status is not None
            ],
        },
    }


def listed(pods: list[Pod], given_up: frozenset[str] = frozenset()) -> dict[str, str]:
    """Role by uid."""
    return {entry["id"]: entry["worker_type"] for entry in worker_table(pods, given_up)["workers"]}


def is_candidate(pod: Pod) -> bool:
    labels, status = pod["metadata"]["labels"], pod["status"]
    return (
        labels.get(LABEL_ROLE) in ("prefill", "decode")
        and labels.get(LABEL_TRAFFIC) != "off"
        and pod["metadata"]["deletionTimestamp"] is None
        and status["phase"] == "Running"
        and bool(status["podIP"])
    )


def says(pod: Pod, kind: str) -> bool:
    return {"type": kind, "status": "True"} in pod["status"]["conditions"]


@given(pods())
def test_each_ready_worker_in_traffic_is_listed_in_its_labels_role(pods: list[Pod]) -> None:
    table = listed(pods)
    for pod in pods:
        if is_candidate(pod) and says(pod, "Ready"):
            assert table[pod["metadata"]["uid"]] == pod["metadata"]["labels"][LABEL_ROLE]


def is_silent(pod: Pod) -> bool:
    return says(pod, "ContainersReady") and not says(pod, "Ready")


@given(pods())
def test_nothing_else_is_listed_but_workers_whose_node_fell_silent(pods: list[Pod]) -> None:
    by_uid = {pod["metadata"]["uid"]: pod for pod in pods}
    table = listed(pods)
    for uid in table:
        assert is_candidate(by_uid[uid])
        assert says(by_uid[uid], "Ready") or is_silent(by_uid[uid])
    assert all(
        pod["metadata"]["uid"] in table for pod in pods if is_candidate(pod) and is_silent(pod)
    )


@given(pods(), st.data())
def test_one_that_is_silent_for_long_stays_only_where_its_role_has_no_other(
    pods: list[Pod], data: st.DataObject
) -> None:
    by_uid = {pod["metadata"]["uid"]: pod for pod in pods}
    given_up = (
        frozenset(data.draw(st.sets(st.sampled_from(sorted(by_uid))))) if pods else frozenset()
    )
    table = listed(pods, given_up)
    assert set(table.values()) == set(listed(pods).values()), "no role is left without a worker"
    for uid, role in table.items():
        if uid in given_up and is_silent(by_uid[uid]):
            peers = [peer for peer, of in table.items() if of == role]
            assert all(is_silent(by_uid[peer]) and peer in given_up for peer in peers)


@given(pods(), st.randoms(use_true_random=False))
def test_the_order_of_the_pods_does_not_matter(pods: list[Pod], shuffler: random.Random) -> None:
    shuffled = list(pods)
    shuffler.shuffle(shuffled)
    assert json.dumps(worker_table(shuffled)) == json.dumps(worker_table(pods))


@given(pods())
def test_every_entry_is_one_that_smg_accepts(pods: list[Pod]) -> None:
    table = worker_table(pods)
    assert table["version"] == 1
    assert len({entry["id"] for entry in table["workers"]}) == len(table["workers"])
    for entry in table["workers"]:
        assert entry["url"].startswith("http://")
        prefill = entry["worker_type"] == "prefill"
        assert ("bootstrap_port" in entry) == prefill
        assert not prefill or entry["bootstrap_port"] in (BOOTSTRAP_PORT, 9000)


@given(pods(), st.integers(0, 7))
def test_taking_one_worker_out_of_traffic_changes_no_other_entry(
    pods: list[Pod], index: int
) -> None:
    if index >= len(pods):
        return
    victim = pods[index]["metadata"]
    before = [e for e in worker_table(pods)["workers"] if e["id"] != victim["uid"]]
    victim["labels"][LABEL_TRAFFIC] = "off"
    after = worker_table(pods)["workers"]
    assert victim["uid"] not in {entry["id"] for entry in after}
    assert [entry for entry in after if entry in before] == before
