"""Which steps a pool's change takes, and that none of them can lose a request."""

from dataclasses import replace
from typing import Any

from pd_operator.actuation.steps import (
    NoteIdle,
    PoolTarget,
    PutOnTraffic,
    SetReplicas,
    TakeOffTraffic,
    next_steps,
)
from pd_operator.api.roles import Role
from pd_operator.scaling.observation import EngineLoad, Known, Unknown, WorkerObservation

NOW = 1_000_000.0
UNREADABLE = Unknown("EngineUnreachable", "engine", "no answer")


def load(running: int = 0) -> Known[EngineLoad]:
    return Known(
        EngineLoad(
            mode=None,
            running_requests=running,
            waiting_requests=0,
            waiting_uncached_tokens=0,
            prefill_bootstrap_queue=0,
            prefill_inflight_queue=0,
            decode_prealloc_queue=0,
            decode_transfer_queue=0,
            decode_retracted_queue=0,
            used_tokens=0,
            active_tokens=0,
            max_total_tokens=1000,
            prefill_uncached_tokens_total=0,
            prefill_busy_seconds_total=0.0,
            decode_moments=(),
        ),
        age_seconds=0.0,
        source="engine",
    )


def worker(name: str, running: int = 0, **changes: Any) -> WorkerObservation:
    serving = WorkerObservation(
        name=name,
        role=Role.DECODE,
        address="http://127.0.0.1:30000",
        ready=True,
        traffic=True,
        terminating=False,
        age_seconds=1000.0,
        startup_seconds=60.0,
        scheduled=True,
        load=load(running),
    )
    return replace(serving, **changes)


def draining(name: str, running: int = 0, **changes: Any) -> WorkerObservation:
    return worker(name, running, **({"traffic": False, "drain_deadline": NOW + 100} | changes))


def target(replicas: int, desired: int) -> PoolTarget:
    return PoolTarget(replicas, desired, NOW, drain_deadline_seconds=300)


def test_a_pool_that_is_as_wanted_needs_no_step() -> None:
    assert next_steps(target(2, 2), [worker("a"), worker("b")]) == []


def test_workers_are_added_at_once() -> None:
    assert next_steps(target(2, 5), [worker("a"), worker("b")]) == [SetReplicas(5)]


def test_the_worker_with_the_least_work_leaves_traffic_before_replicas_fall() -> None:
    steps = next_steps(target(3, 2), [worker("a", 5), worker("b", 2), worker("c", 9)])
    assert steps == [TakeOffTraffic("b", NOW + 300)]


def test_an_unreadable_worker_counts_as_the_busiest() -> None:
    steps = next_steps(target(2, 1), [worker("a", load=UNREADABLE), worker("b", 50)])
    assert steps == [TakeOffTraffic("b", NOW + 300)]


def test_idle_is_first_noted_and_believed_only_when_it_lasts() -> None:
    workers = [worker("a", 3), draining("b")]
    assert next_steps(target(2, 1), workers) == [NoteIdle("b", NOW)]
    just_now = [worker("a", 3), draining("b", idle_since=NOW - 0.5)]
    assert next_steps(target(2, 1), just_now) == []
    since_long = [worker("a", 3), draining("b", idle_since=NOW - 1.5)]
    assert next_steps(target(2, 1), since_long) == [SetReplicas(1, victims=("b",))]


def test_a_request_that_arrives_during_a_drain_starts_the_wait_anew() -> None:
    workers = [worker("a"), draining("b", running=1, idle_since=NOW - 10)]
    assert next_steps(target(2, 1), workers) == [NoteIdle("b", None)]


def test_an_unreadable_worker_is_never_taken_for_idle() -> None:
    workers = [worker("a"), draining("b", load=UNREADABLE)]
    assert next_steps(target(2, 1), workers) == []


def test_the_deadline_ends_a_drain_and_is_told() -> None:
    workers = [worker("a"), draining("b", running=4, drain_deadline=NOW - 1)]
    assert next_steps(target(2, 1), workers) == [SetReplicas(1, ("b",), overdue=("b",))]


def test_a_drain_is_called_off_when_the_worker_is_wanted_again() -> None:
    workers = [worker("a"), draining("b", running=4)]
    assert next_steps(target(2, 2), workers) == [PutOnTraffic("b")]
    assert next_steps(target(2, 3), workers) == [PutOnTraffic("b"), SetReplicas(3)]


def test_only_as_many_drains_go_on_as_are_wanted() -> None:
    workers = [worker("a"), draining("b", 4), draining("c", 1)]
    assert next_steps(target(3, 2), workers) == [PutOnTraffic("b")]


def test_workers_that_never_started_go_first_and_at_once() -> None:
    starting = worker("new", ready=False, started=False, load=UNREADABLE)
    assert next_steps(target(3, 2), [worker("a"), worker("b"), starting]) == [
        SetReplicas(2, victims=("new",))
    ]


def test_the_last_serving_worker_stays_whatever_is_wanted() -> None:
    broken = worker("b", ready=False, load=UNREADABLE)
    assert next_steps(target(2, 1), [worker("a"), broken]) == []


def test_a_worker_that_is_being_deleted_is_past_every_step() -> None:
    leaving = draining("b", idle_since=NOW - 5, terminating=True)
    assert next_steps(target(2, 2), [worker("a"), worker("c"), leaving]) == []
