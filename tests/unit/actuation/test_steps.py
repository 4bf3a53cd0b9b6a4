"""Which steps a pool's change takes, and that none of them can lose a request."""

from dataclasses import replace
from typing import Any

from pd_operator.actuation.deletion_order import CHEAPEST
from pd_operator.actuation.steps import (
    DrainRules,
    NoteIdle,
    PoolTarget,
    PutOnTraffic,
    Recall,
    ReportOverdue,
    SetReplicas,
    Step,
    TakeBack,
    TakeOffTraffic,
    let_go,
    next_steps,
)
from pd_operator.api.roles import Role
from pd_operator.scaling.observation import (
    EngineLoad,
    Known,
    PoolObservation,
    Unknown,
    WorkerObservation,
)

NOW = 1_000_000.0
UNREADABLE = Unknown("EngineUnreachable", "engine", "no answer")


def load(running: int = 0, age_seconds: float = 0.0, **queues: int) -> Known[EngineLoad]:
    counts = {"waiting_requests": 0, "prefill_inflight_queue": 0} | queues
    return Known(
        EngineLoad(
            mode=None,
            running_requests=running,
            waiting_uncached_tokens=0,
            prefill_bootstrap_queue=0,
            decode_prealloc_queue=0,
            decode_transfer_queue=0,
            decode_retracted_queue=0,
            used_tokens=0,
            active_tokens=0,
            max_total_tokens=1000,
            prefill_uncached_tokens_total=0,
            prefill_busy_seconds_total=0.0,
            decode_moments=(),
            **counts,
        ),
        age_seconds=age_seconds,
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
    drain = {"traffic": False, "drain_started": NOW - 200, "drain_deadline": NOW + 100}
    return worker(name, running, **(drain | changes))


def removed(name: str, **changes: Any) -> WorkerObservation:
    """A worker that replicas were lowered for, to two."""
    done = {"idle_since": NOW - 5, "replicas_without": 2, "deletion_cost": CHEAPEST}
    return draining(name, **(done | changes))


def steps(
    replicas: int, desired: int, *workers: WorkerObservation, waits: bool = False, **pool: Any
) -> list[Step]:
    """What is done about a pool of so many replicas that shall have `desired`."""
    seen = PoolObservation(Role.DECODE, replicas, workers, **pool)
    return next_steps(PoolTarget(seen, desired, NOW, DrainRules(300, waits)))


def test_a_pool_that_is_as_wanted_needs_no_step() -> None:
    assert steps(2, 2, worker("a"), worker("b")) == []


def test_workers_are_added_at_once() -> None:
    assert steps(2, 5, worker("a"), worker("b")) == [SetReplicas(5)]
    late = worker("b", ready=False)
    assert steps(2, 5, worker("a"), late, settled=False, rolling_out=True) == [SetReplicas(5)]


def test_the_worker_with_the_least_work_leaves_traffic_before_replicas_fall() -> None:
    begun = steps(3, 2, worker("a", 5), worker("b", 2), worker("c", 9))
    assert begun == [TakeOffTraffic("b", NOW, NOW + 300)]


def test_a_prompt_whose_cache_is_still_sent_is_work() -> None:
    owing = worker("b", load=load(prefill_inflight_queue=3))
    assert steps(2, 1, worker("a", 2), owing) == [TakeOffTraffic("a", NOW, NOW + 300)]


def test_an_unreadable_worker_counts_as_the_busiest() -> None:
    begun = steps(2, 1, worker("a", load=UNREADABLE), worker("b", 50))
    assert begun == [TakeOffTraffic("b", NOW, NOW + 300)]


def test_idle_is_first_noted_and_believed_only_when_it_lasts() -> None:
    assert steps(2, 1, worker("a", 3), draining("b")) == [NoteIdle("b", NOW)]
    just_now = draining("b", idle_since=NOW - 0.5)
    assert steps(2, 1, worker("a", 3), just_now) == []
    since_long = draining("b", idle_since=NOW - 1.5)
    assert steps(2, 1, worker("a", 3), since_long) == [SetReplicas(1, victims=("b",))]


def test_an_old_answer_is_no_proof_of_idleness_however_often_it_is_given() -> None:
    """In a long prefill pass `/v1/loads` tells of the time before it (4.4 s old was seen)."""
    before_the_drain = draining("b", drain_started=NOW - 4, load=load(age_seconds=4.4))
    assert steps(2, 1, worker("a", 3), before_the_drain) == []
    noted = draining("b", idle_since=NOW - 4.4, load=load(age_seconds=4.4))
    assert steps(2, 1, worker("a", 3), noted) == []
    fresh = draining("b", idle_since=NOW - 4.4, load=load(age_seconds=0.5))
    assert steps(2, 1, worker("a", 3), fresh) == [SetReplicas(1, victims=("b",))]


def test_what_was_sent_before_the_router_knew_is_waited_for() -> None:
    just_off = draining("b", drain_started=NOW - 0.5)
    assert steps(2, 1, worker("a", 3), just_off) == []


def test_a_prefill_that_owes_a_transfer_is_not_idle() -> None:
    owing = draining("b", load=load(prefill_inflight_queue=1), idle_since=NOW - 5)
    assert steps(2, 1, worker("a"), owing) == [NoteIdle("b", None)]


def test_a_request_that_arrives_during_a_drain_starts_the_wait_anew() -> None:
    busy_again = draining("b", running=1, idle_since=NOW - 10)
    assert steps(2, 1, worker("a"), busy_again) == [NoteIdle("b", None)]


def test_an_unreadable_worker_is_never_taken_for_idle() -> None:
    assert steps(2, 1, worker("a"), draining("b", load=UNREADABLE)) == []


def test_the_deadline_ends_a_drain_and_is_told() -> None:
    overdue = draining("b", running=4, drain_deadline=NOW - 1)
    assert steps(2, 1, worker("a"), overdue) == [SetReplicas(1, ("b",), overdue=("b",))]


def test_a_drain_that_waits_is_reported_at_its_deadline_and_goes_on() -> None:
    overdue = draining("b", running=4, drain_deadline=NOW - 1)
    assert steps(2, 1, worker("a"), overdue, waits=True) == [ReportOverdue("b")]
    idle = draining("b", drain_deadline=NOW - 1, idle_since=NOW - 3)
    assert steps(2, 1, worker("a"), idle, waits=True) == [SetReplicas(1, ("b",))]


def test_a_drain_is_called_off_when_the_worker_is_wanted_again() -> None:
    workers = [worker("a"), draining("b", running=4)]
    assert steps(2, 2, *workers) == [PutOnTraffic("b")]
    assert steps(2, 3, *workers) == [PutOnTraffic("b"), SetReplicas(3)]


def test_only_as_many_drains_go_on_as_are_wanted() -> None:
    assert steps(3, 2, worker("a"), draining("b", 4), draining("c", 1)) == [PutOnTraffic("b")]


def test_workers_that_never_started_go_first_and_at_once() -> None:
    starting = worker("new", ready=False, started=False, load=UNREADABLE)
    assert steps(3, 2, worker("a"), worker("b"), starting) == [SetReplicas(2, victims=("new",))]
    assert steps(3, 2, worker("a"), draining("b", 5), starting) == [
        PutOnTraffic("b"),
        SetReplicas(2, victims=("new",)),
    ]


def test_replicas_without_a_pod_fall_first_and_nobody_drains() -> None:
    assert steps(4, 2, worker("a"), worker("b")) == [SetReplicas(2)]


def test_the_last_serving_worker_stays_whatever_is_wanted() -> None:
    broken = worker("b", ready=False, load=UNREADABLE)
    assert steps(2, 1, worker("a"), broken) == []


def test_a_worker_that_is_being_deleted_is_past_every_step() -> None:
    leaving = draining("b", idle_since=NOW - 5, terminating=True)
    assert steps(2, 2, worker("a"), worker("c"), leaving) == []


def test_a_removed_worker_that_is_still_there_is_counted_once() -> None:
    """The ReplicaSet controller was seen 12 s late: the pod drained, idle, and in the list."""
    gone = removed("b")
    workers = [worker("a", 3), gone, worker("c", 7)]
    pool = PoolObservation(Role.DECODE, 2, tuple(workers), settled=False)
    assert pool.current == 2
    assert steps(2, 2, *workers, settled=False) == []
    further = steps(2, 1, *workers, settled=False)
    assert further == [TakeOffTraffic("a", NOW, NOW + 300)]


def test_replicas_do_not_fall_again_before_the_last_victim_is_gone() -> None:
    gone = removed("b")
    done = draining("a", idle_since=NOW - 5)
    assert steps(2, 1, done, gone, worker("c", 7), settled=False) == []
    assert steps(2, 1, done, gone, worker("c", 7)) == []
    assert steps(2, 1, done, worker("c", 7)) == [SetReplicas(1, ("a",))]


def test_an_operator_that_ended_between_the_note_and_the_number_sets_the_number() -> None:
    noted = draining("b", idle_since=NOW - 5, replicas_without=1)
    assert steps(2, 1, worker("a"), noted) == [SetReplicas(1, ("b",))]


def test_a_removed_worker_that_is_wanted_again_waits_until_it_surely_stays() -> None:
    gone = removed("b", replicas_without=1)
    raised = steps(1, 2, worker("a"), gone, settled=False)
    assert raised == [Recall("b", 2), SetReplicas(2)]
    recalled = worker("b", traffic=False, replicas_without=2)
    assert steps(2, 2, worker("a"), recalled, settled=False) == []
    assert steps(2, 2, worker("a"), recalled) == [PutOnTraffic("b")]


def test_a_drained_worker_in_whose_place_another_went_serves_again() -> None:
    ended = worker("c", 3, terminating=True)
    assert steps(2, 2, worker("a"), removed("b"), ended) == [TakeBack("b", gone=("c",))]


def test_replicas_are_raised_again_when_another_worker_would_go_by_now() -> None:
    """Not Ready comes before every deletion cost, and the controller has not acted yet."""
    blinking = worker("a", 4, ready=False, unready_seconds=1.0)
    pool = (blinking, removed("b"), worker("c", 7))
    raised = [SetReplicas(3, spared=("a",))]
    assert steps(2, 2, *pool, settled=False) == raised
    assert steps(2, 1, *pool, settled=False) == raised
    assert steps(2, 4, *pool, settled=False) == [Recall("b", 4), SetReplicas(4)]


def test_the_drained_worker_waits_after_replicas_were_raised_again() -> None:
    waits = removed("b")
    blinking = worker("a", 4, ready=False, unready_seconds=3.0)
    assert steps(3, 2, blinking, waits, worker("c", 7), settled=False) == []
    assert steps(3, 2, blinking, waits, worker("c", 7)) == []
    assert steps(3, 2, worker("a", 4), waits, worker("c", 7)) == [SetReplicas(2, ("b",))]


def test_replicas_are_not_raised_for_a_worker_that_has_crashed_and_may_go() -> None:
    crashed = worker("a", ready=False, started=False, load=UNREADABLE)
    assert steps(2, 2, crashed, removed("b"), worker("c", 7), settled=False) == []


def test_replicas_are_raised_for_no_number_that_somebody_else_has_set() -> None:
    blinking = worker("a", 4, ready=False, unready_seconds=1.0)
    pool = (blinking, removed("b"), worker("c", 7))
    assert steps(1, 1, *pool, settled=False) == []
    assert steps(2, 2, *pool, settled=False, rolling_out=True) == []


def let_go_of(replicas: int, *workers: WorkerObservation, **pool: Any) -> list[Step]:
    return let_go(PoolObservation(Role.DECODE, replicas, workers, **pool))


def test_where_nothing_is_scaled_drains_are_called_off() -> None:
    begun = [worker("a"), draining("b", 4), draining("c", idle_since=NOW - 5)]
    assert let_go_of(3, *begun) == [PutOnTraffic("b"), PutOnTraffic("c")]
    assert let_go_of(3, *begun, rolling_out=True) == [PutOnTraffic("b"), PutOnTraffic("c")]


def test_where_nothing_is_scaled_what_others_took_off_traffic_stays_so() -> None:
    assert let_go_of(2, worker("a"), worker("b", traffic=False)) == []


def test_where_nothing_is_scaled_a_worker_that_replicas_were_lowered_for_goes() -> None:
    pool = (worker("a"), removed("b"), worker("c"))
    assert let_go_of(2, *pool, settled=False) == []
    assert let_go_of(2, worker("a"), removed("b")) == [TakeBack("b")]
    raised_by_hand = let_go_of(3, *pool)
    assert raised_by_hand == [PutOnTraffic("b")]


def test_replicas_stay_while_a_worker_that_may_be_busy_would_go_first() -> None:
    """Not Ready comes before every deletion cost."""
    done = draining("b", idle_since=NOW - 5)
    blinking = worker("a", 4, ready=False, unready_seconds=3.0)
    assert steps(3, 2, blinking, done, worker("c", 2)) == []


def test_the_worker_that_was_lost_drains_since_it_is_the_one_that_will_go() -> None:
    done = draining("b", idle_since=NOW - 5)
    lost = worker("a", 4, ready=False, unready_seconds=90.0)
    assert steps(3, 2, lost, done, worker("c", 2)) == [
        PutOnTraffic("b"),
        TakeOffTraffic("a", NOW, NOW + 300),
    ]


def test_nothing_is_removed_by_number_in_a_rollout_and_drains_are_called_off() -> None:
    pending = worker("new", ready=False, started=False, scheduled=False, pending=True)
    workers = [worker("a", 3), draining("b", idle_since=NOW - 5), worker("c"), pending]
    assert steps(3, 2, *workers, rolling_out=True) == [PutOnTraffic("b")]
    # One that takes an old worker away first has as many as replicas.
    assert steps(4, 3, *workers, rolling_out=True) == [PutOnTraffic("b")]


def test_a_worker_taken_off_traffic_by_hand_gets_a_deadline_when_it_is_to_go() -> None:
    by_hand = worker("b", 4, traffic=False)
    assert steps(2, 1, worker("a"), by_hand) == [TakeOffTraffic("b", NOW, NOW + 300)]
