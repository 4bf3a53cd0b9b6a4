"""What is said of capacity that does not come: in the words of those who know why."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pd_operator.api.conditions import ConditionReason, ConditionStatus
from pd_operator.api.roles import Role
from pd_operator.controller.status.capacity import capacity_available
from pd_operator.controller.status.tick_result import TickResult
from pd_operator.controller.status.updates import ConditionUpdate
from pd_operator.scaling.observation import PoolObservation

Seeing = Callable[..., TickResult]
MakeWorker = Callable[..., Any]

QUOTA = 'pods "chat-decode-x" is forbidden: exceeded quota: gpus'
LACK = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu"
CLAIMS = "0/3 nodes are available: 3 cannot allocate all claims"
TAINT = "0/2 nodes are available: 2 node(s) had untolerated taint(s)"
CLAIM = '0/2 nodes are available: persistentvolumeclaim "weights" not found'
IMAGE = 'engine: ImagePullBackOff: Back-off pulling image "nowhere/sglang:v9"'


def decode(*workers: Any, replicas: int = 2, refused: str = "") -> PoolObservation:
    return PoolObservation(Role.DECODE, replicas, workers, refused=refused)


@pytest.fixture
def said(seeing: Seeing, make_worker: MakeWorker) -> Callable[..., ConditionUpdate]:
    """What is said where, beside a healthy decode worker, there is another one."""

    def build(**changes: Any) -> ConditionUpdate:
        other = make_worker(Role.DECODE, 9, **{"ready": False, **changes})
        return capacity_available(seeing(decode=decode(make_worker(Role.DECODE, 0), other)))

    return build


def test_pods_that_a_quota_refuses_are_counted_and_the_quota_is_quoted(
    seeing: Seeing, make_worker: MakeWorker
) -> None:
    pool = decode(make_worker(Role.DECODE, 0), replicas=4, refused=QUOTA)
    update = capacity_available(seeing(decode=pool))
    assert (update.status, update.reason) == (
        ConditionStatus.FALSE,
        ConditionReason.WORKERS_REFUSED,
    )
    assert "3 decode workers missing" in update.message
    assert QUOTA in update.message


def test_a_quota_that_refuses_a_rollout_is_not_called_a_lack_of_workers(
    seeing: Seeing, make_worker: MakeWorker
) -> None:
    pool = decode(*(make_worker(Role.DECODE, n) for n in range(2)), refused=QUOTA)
    update = capacity_available(seeing(decode=pool))
    assert update.reason is ConditionReason.WORKERS_REFUSED
    assert "the new decode pods of a rollout" in update.message
    assert QUOTA in update.message
    assert "0 decode" not in update.message


def test_a_worker_that_is_not_made_yet_is_not_said_to_have_a_node(
    seeing: Seeing, make_worker: MakeWorker
) -> None:
    update = capacity_available(seeing(decode=decode(make_worker(Role.DECODE, 0), replicas=3)))
    assert update.status is ConditionStatus.TRUE
    assert "2 are still to be made" in update.message
    assert "has a node" not in update.message


@pytest.mark.parametrize("words", [TAINT, CLAIM])
def test_a_scheduler_that_does_not_speak_of_gpus_is_quoted_without_our_guess(
    said: Callable[..., ConditionUpdate], words: str
) -> None:
    update = said(scheduled=False, waiting_reason=words)
    assert update.reason is ConditionReason.WORKERS_UNSCHEDULABLE
    assert words in update.message
    assert "GPU" not in update.message
    assert "kubectl describe pod chat-decode-9" in update.message


@pytest.mark.parametrize("words", [LACK, CLAIMS])
def test_only_where_gpus_lack_more_are_called_for(
    said: Callable[..., ConditionUpdate], words: str
) -> None:
    update = said(scheduled=False, waiting_reason=words)
    assert words in update.message
    assert "Add GPU nodes" in update.message


def test_gpus_that_leaving_workers_hold_are_not_called_a_lack(
    seeing: Seeing, make_worker: MakeWorker
) -> None:
    leaving = make_worker(Role.DECODE, 5, terminating=True)
    waiting = make_worker(Role.DECODE, 9, ready=False, scheduled=False, waiting_reason=LACK)
    pool = decode(make_worker(Role.DECODE, 0), leaving, waiting)
    update = capacity_available(seeing(decode=pool))
    assert "1 workers on their way out still hold GPUs" in update.message
    assert "Add GPU" not in update.message


@pytest.mark.parametrize(
    ("serving", "way_out"), [(1, "decode.rolloutStrategy to Replace"), (2, "makes room")]
)
def test_a_rollout_that_waits_for_gpus_is_not_called_a_load_that_does(
    seeing: Seeing, make_worker: MakeWorker, serving: int, way_out: str
) -> None:
    old = [make_worker(Role.DECODE, number) for number in range(serving)]
    new = make_worker(Role.DECODE, 9, ready=False, scheduled=False, waiting_reason=LACK)
    pool = replace(decode(*old, new, replicas=serving), rolling_out=True)
    update = capacity_available(seeing(decode=pool))
    assert "A rollout waits, not the load" in update.message
    assert way_out in update.message
    assert "maxReplicas" not in update.message


def test_a_pod_that_the_scheduler_has_not_looked_at_yet_is_no_trouble(
    said: Callable[..., ConditionUpdate],
) -> None:
    assert said(scheduled=False, age_seconds=1.0).status is ConditionStatus.TRUE
    update = said(scheduled=False, age_seconds=60.0)
    assert update.reason is ConditionReason.WORKERS_UNSCHEDULABLE


def test_a_worker_that_the_kubelet_cannot_run_is_told_at_once_and_in_its_words(
    said: Callable[..., ConditionUpdate],
) -> None:
    update = said(waiting_reason=IMAGE, unready_seconds=3.0)
    assert update.reason is ConditionReason.WORKERS_FAILING
    assert "1 decode worker: " in update.message
    assert IMAGE in update.message


def test_a_worker_is_late_by_the_time_it_had_a_node_and_not_by_its_age(
    said: Callable[..., ConditionUpdate],
) -> None:
    assert said(age_seconds=1e5, unready_seconds=5.0).status is ConditionStatus.TRUE
    update = said(age_seconds=1e5, unready_seconds=1e5)
    assert update.reason is ConditionReason.WORKERS_NOT_STARTING
    assert "expectedStartupSeconds" in update.message


def test_of_several_troubles_all_are_told_and_the_first_gives_the_reason(
    seeing: Seeing, make_worker: MakeWorker
) -> None:
    hanging = make_worker(Role.PREFILL, 8, ready=False, age_seconds=1e5)
    homeless = make_worker(Role.DECODE, 9, ready=False, scheduled=False, waiting_reason=TAINT)
    update = capacity_available(
        seeing(
            prefill=PoolObservation(Role.PREFILL, 1, (hanging,)),
            decode=decode(homeless, replicas=1),
        )
    )
    assert update.reason is ConditionReason.WORKERS_UNSCHEDULABLE
    assert "1 prefill worker" in update.message
    assert "1 decode worker" in update.message


def test_a_worker_that_only_its_owner_can_mend_gives_the_reason_before_one_that_waits_for_a_node(
    seeing: Seeing, make_worker: MakeWorker
) -> None:
    homeless = make_worker(Role.DECODE, 8, ready=False, scheduled=False, waiting_reason=TAINT)
    broken = make_worker(Role.DECODE, 9, ready=False, waiting_reason=IMAGE, unready_seconds=3.0)
    update = capacity_available(seeing(decode=decode(homeless, broken)))
    assert update.reason is ConditionReason.WORKERS_FAILING
    assert TAINT in update.message
    assert IMAGE in update.message
