"""Whatever a pool looks like, no step can lose a request or the last worker."""

from hypothesis import given
from hypothesis import strategies as st

from pd_operator.actuation.deletion_order import would_go
from pd_operator.actuation.steps import (
    IDLE_CONFIRMATION_SECONDS,
    DrainRules,
    PoolTarget,
    SetReplicas,
    Step,
    TakeOffTraffic,
    next_steps,
)
from pd_operator.api.roles import Role
from pd_operator.scaling.observation import (
    EngineLoad,
    Known,
    PoolObservation,
    Reading,
    Unknown,
    WorkerObservation,
)

NOW = 1_000_000.0


def _load(running: int) -> Reading[EngineLoad]:
    if running < 0:
        return Unknown("EngineUnreachable", "engine", "no answer")
    return Known(EngineLoad(None, running, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0.0, ()), 0.0, "engine")


@st.composite
def pools(draw: st.DrawFn) -> PoolObservation:
    count = draw(st.integers(1, 8))
    workers = []
    for index in range(count):
        started = draw(st.booleans())
        ready = started and draw(st.booleans())
        off = started and draw(st.booleans())
        workers.append(
            WorkerObservation(
                name=f"w{index}",
                role=Role.DECODE,
                ready=ready,
                traffic=not off,
                age_seconds=60.0,
                started=started,
                unready_seconds=0.0 if ready else draw(st.sampled_from([1.0, 100.0])),
                drain_started=NOW - draw(st.sampled_from([0.1, 50.0])) if off else None,
                drain_deadline=NOW + draw(st.integers(-50, 500)) if off else None,
                idle_since=draw(st.sampled_from([None, NOW - 0.2, NOW - 5])) if off else None,
                replicas_without=draw(st.sampled_from([None, 1, count - 1])) if off else None,
                load=_load(draw(st.integers(-1, 5))),
            )
        )
    replicas = draw(st.integers(max(1, count - 1), count + 1))
    return PoolObservation(
        Role.DECODE, replicas, tuple(workers), draw(st.booleans()), draw(st.booleans())
    )


def steps(pool: PoolObservation, desired: int, *, waits: bool = False) -> list[Step]:
    return next_steps(PoolTarget(pool, desired, NOW, DrainRules(300, waits)))


@given(pools(), st.integers(1, 10), st.booleans())
def test_only_workers_that_hold_nothing_or_are_overdue_are_deleted(
    pool: PoolObservation, desired: int, waits: bool
) -> None:
    by_name = {worker.name: worker for worker in pool.workers}
    for step in steps(pool, desired, waits=waits):
        if isinstance(step, SetReplicas):
            for name in step.victims:
                victim = by_name[name]
                held = victim.idle_since is not None and NOW - victim.idle_since >= (
                    IDLE_CONFIRMATION_SECONDS
                )
                overdue = victim.drain_deadline is not None and victim.drain_deadline <= NOW
                assert not victim.started or (victim.idle and held) or (overdue and not waits)


@given(pools(), st.integers(1, 10))
def test_the_pods_that_will_go_are_the_ones_that_are_named(
    pool: PoolObservation, desired: int
) -> None:
    for step in steps(pool, desired):
        if isinstance(step, SetReplicas) and step.replicas < pool.replicas:
            assert pool.settled
            assert not pool.rolling_out
            assert list(step.victims) == would_go(pool.live, step.victims)
            absent = max(0, pool.replicas - len(pool.live))
            assert len(step.victims) + absent >= pool.replicas - step.replicas


@given(pools(), st.integers(1, 10))
def test_replicas_never_pass_the_wanted_number_but_to_spare_a_worker(
    pool: PoolObservation, desired: int
) -> None:
    for step in steps(pool, desired):
        if isinstance(step, SetReplicas) and step.spared:
            assert pool.replicas < step.replicas <= len(pool.live)
        elif isinstance(step, SetReplicas):
            assert min(pool.replicas, desired) <= step.replicas <= max(pool.replicas, desired)


@given(pools(), st.integers(1, 10))
def test_as_many_workers_as_are_wanted_keep_their_traffic(
    pool: PoolObservation, desired: int
) -> None:
    serving = {worker.name for worker in pool.workers if worker.serving}
    off = {step.worker for step in steps(pool, desired) if isinstance(step, TakeOffTraffic)}
    assert len(serving - off) >= min(len(serving), desired)
