"""Whatever a pool looks like, no step can lose a request or the last worker."""

from hypothesis import given
from hypothesis import strategies as st

from pd_operator.actuation.steps import (
    IDLE_CONFIRMATION_SECONDS,
    PoolTarget,
    SetReplicas,
    TakeOffTraffic,
    next_steps,
)
from pd_operator.api.roles import Role
from pd_operator.scaling.observation import (
    EngineLoad,
    Known,
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
def pools(draw: st.DrawFn) -> list[WorkerObservation]:
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
                address="",
                ready=ready,
                traffic=not off,
                terminating=False,
                age_seconds=60.0,
                startup_seconds=None,
                scheduled=True,
                started=started,
                drain_deadline=NOW + draw(st.integers(-50, 500)) if off else None,
                idle_since=draw(st.sampled_from([None, NOW - 0.2, NOW - 5])) if off else None,
                load=_load(draw(st.integers(-1, 5))),
            )
        )
    return workers


@given(pools(), st.integers(1, 10))
def test_only_workers_that_hold_nothing_or_are_overdue_are_deleted(
    workers: list[WorkerObservation], desired: int
) -> None:
    by_name = {worker.name: worker for worker in workers}
    for step in next_steps(PoolTarget(len(workers), desired, NOW, 300), workers):
        if isinstance(step, SetReplicas):
            for name in step.victims:
                victim = by_name[name]
                held = victim.idle_since is not None and NOW - victim.idle_since >= (
                    IDLE_CONFIRMATION_SECONDS
                )
                overdue = victim.drain_deadline is not None and victim.drain_deadline <= NOW
                assert not victim.started or (victim.idle and held) or overdue


@given(pools(), st.integers(1, 10))
def test_replicas_never_pass_the_wanted_number(
    workers: list[WorkerObservation], desired: int
) -> None:
    replicas = len(workers)
    for step in next_steps(PoolTarget(replicas, desired, NOW, 300), workers):
        if isinstance(step, SetReplicas):
            assert min(replicas, desired) <= step.replicas <= max(replicas, desired)


@given(pools(), st.integers(1, 10))
def test_as_many_workers_as_are_wanted_keep_their_traffic(
    workers: list[WorkerObservation], desired: int
) -> None:
    serving = {worker.name for worker in workers if worker.ready and not worker.draining}
    steps = next_steps(PoolTarget(len(workers), desired, NOW, 300), workers)
    off = {step.worker for step in steps if isinstance(step, TakeOffTraffic)}
    assert len(serving - off) >= min(len(serving), desired)
