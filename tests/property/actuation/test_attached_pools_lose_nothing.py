"""Whatever a pool of other hands looks like, the pod that its workload takes holds no request."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from pd_operator.actuation.attached_steps import Removal, attached_steps
from pd_operator.actuation.deletion_order import CHEAPEST, deletion_order
from pd_operator.actuation.steps import (
    DrainRules,
    PoolTarget,
    SetReplicas,
    TakeOffTraffic,
    is_confirmed_idle,
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
SELDOM = st.integers(0, 6).map(lambda number: number == 6)


def load(running: int) -> Reading[EngineLoad]:
    if running < 0:
        return Unknown("EngineUnreachable", "engine", "no answer")
    return Known(EngineLoad(None, running, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0.0, ()), 0.0, "engine")


@st.composite
def pools(draw: st.DrawFn) -> PoolObservation:
    numbers = draw(st.lists(st.integers(0, 12), min_size=2, max_size=4, unique=True))
    workers = []
    for number in numbers:
        started = not draw(SELDOM)
        off = draw(st.integers(0, 2)) == 2
        workers.append(
            WorkerObservation(
                name=f"w-{number}",
                role=Role.DECODE,
                ready=started and not draw(SELDOM),
                started=started,
                traffic=not off,
                terminating=draw(SELDOM),
                drain_started=NOW - 50.0 if off else None,
                drain_deadline=NOW + 500.0 if off else None,
                idle_since=draw(st.sampled_from([None, NOW - 0.2, NOW - 5])),
                load=load(draw(st.sampled_from([0, 0, 1, -1]))),
            )
        )
    return PoolObservation(
        Role.DECODE,
        sum(not one.terminating for one in workers) + draw(st.sampled_from([0, 0, 0, -1, 1])),
        tuple(workers),
        settled=not draw(SELDOM),
        rolling_out=draw(SELDOM),
    )


@settings(max_examples=400)
@given(
    pool=pools(),
    desired=st.integers(0, 2),
    removal=st.sampled_from(Removal),
    routed=st.booleans(),
)
def test_what_goes_holds_nothing_and_what_is_wanted_stays(
    pool: PoolObservation, desired: int, removal: Removal, routed: bool
) -> None:
    target = PoolTarget(pool, desired, NOW, DrainRules(600))
    steps = attached_steps(target, removal, routed=routed)
    lowered = [s for s in steps if isinstance(s, SetReplicas) and s.replicas < pool.replicas]
    assert routed or not any(isinstance(step, TakeOffTraffic) for step in steps)
    for step in lowered:
        assert pool.settled
        assert not pool.rolling_out
        assert desired <= step.replicas
        fallen = pool.replicas - step.replicas
        gone = taken(pool, removal, step, len(pool.live) - step.replicas)
        assert removal is not Removal.UNKNOWN
        assert len(gone) <= fallen
        for worker in gone:
            empty = not worker.started and not worker.ready
            assert empty or is_confirmed_idle(worker, NOW)
            assert empty or not routed or not worker.traffic
        if any(worker.serving for worker in pool.live):
            assert any(worker.serving for worker in pool.live if worker not in gone)


def taken(
    pool: PoolObservation, removal: Removal, step: SetReplicas, count: int
) -> list[WorkerObservation]:
    """The pods that the workload takes away for a lower number: the worst of what it may do."""
    if removal is Removal.HIGHEST:
        numbered = sorted(pool.live, key=lambda w: int(re.findall(r"\d+", w.name)[-1]))
        return numbered[::-1][: max(0, count)]
    priced = [
        WorkerObservation(**(vars(w) | {"deletion_cost": CHEAPEST}))
        if w.name in step.victims
        else w
        for w in pool.live
    ]
    first = deletion_order(priced, step.victims)[: max(0, count)]
    return [worker for worker in pool.live if worker.name in first]
