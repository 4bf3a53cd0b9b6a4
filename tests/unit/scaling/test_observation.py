from dataclasses import replace

from pd_operator.api.roles import Role
from pd_operator.scaling.observation import (
    EngineLoad,
    PoolObservation,
    Unknown,
    WorkerObservation,
)

SILENT = Unknown("NotAsked", "engine", "not asked")


def worker(
    *,
    ready: bool = True,
    traffic: bool = True,
    terminating: bool = False,
    scheduled: bool = True,
) -> WorkerObservation:
    return WorkerObservation(
        name="chat-decode-0",
        role=Role.DECODE,
        address="127.0.1.1",
        ready=ready,
        traffic=traffic,
        terminating=terminating,
        age_seconds=100.0,
        startup_seconds=31.0 if ready else None,
        scheduled=scheduled,
        load=SILENT,
    )


def engine_load(**counts: int) -> EngineLoad:
    fields = {
        "running_requests": 0,
        "waiting_requests": 0,
        "waiting_uncached_tokens": 0,
        "prefill_bootstrap_queue": 0,
        "prefill_inflight_queue": 0,
        "decode_prealloc_queue": 0,
        "decode_transfer_queue": 0,
        "decode_retracted_queue": 0,
        "used_tokens": 0,
        "active_tokens": 0,
        "max_total_tokens": 1000,
        "prefill_uncached_tokens_total": 0,
    }
    return EngineLoad(
        mode=Role.DECODE,
        prefill_busy_seconds_total=0.0,
        decode_moments=(0.0,) * 6,
        **{**fields, **counts},
    )


def test_a_worker_is_counted_once_by_what_it_does() -> None:
    pool = PoolObservation(
        Role.DECODE,
        replicas=4,
        workers=(
            worker(),
            worker(ready=False),
            worker(ready=False, scheduled=False),
            worker(traffic=False),
            worker(terminating=True),
        ),
    )
    assert (pool.ready, pool.starting, pool.unschedulable, pool.draining) == (1, 2, 1, 2)


def test_a_drain_that_has_begun_counts_as_done() -> None:
    pool = PoolObservation(Role.DECODE, 3, (worker(), worker(), worker(traffic=False)))
    assert pool.current == 2


def test_a_pod_that_is_being_deleted_is_no_longer_among_the_replicas() -> None:
    leaving = worker(traffic=False, terminating=True)
    assert PoolObservation(Role.DECODE, 2, (worker(), worker(), leaving)).current == 2


def test_a_worker_that_replicas_were_lowered_for_is_not_taken_off_them_again() -> None:
    removed = replace(worker(traffic=False), replicas_without=2)
    pool = PoolObservation(Role.DECODE, 2, (worker(), worker(), removed), settled=False)
    assert (pool.current, pool.drains, pool.complete) == (2, [], False)
    # The number has not been lowered yet, or was raised again: it is a drain like any other.
    assert PoolObservation(Role.DECODE, 3, pool.workers).current == 2


def test_waiting_requests_have_the_disaggregation_queues_in_them_but_what_is_being_sent() -> None:
    queues = {"prefill_bootstrap_queue": 1, "decode_prealloc_queue": 2, "decode_retracted_queue": 3}
    load = engine_load(waiting_requests=10, decode_transfer_queue=4, **queues)
    assert load.queued_requests == 10
    assert engine_load(waiting_requests=1, prefill_inflight_queue=2).queued_requests == 3


def test_an_engine_with_a_request_in_any_queue_is_not_idle() -> None:
    assert engine_load().idle
    for queue in (
        "running_requests",
        "waiting_requests",
        "prefill_bootstrap_queue",
        "prefill_inflight_queue",
        "decode_prealloc_queue",
        "decode_transfer_queue",
        "decode_retracted_queue",
    ):
        assert not engine_load(**{queue: 1}).idle, queue


def test_kv_use_of_an_engine_that_does_not_know_its_room_is_zero() -> None:
    assert engine_load(used_tokens=250).kv_use == 0.25
    assert engine_load(max_total_tokens=0).kv_use == 0.0
