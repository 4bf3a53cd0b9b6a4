"""A rollout that finds no room takes an old worker away, never the last that serves."""

from dataclasses import replace

from pd_operator.actuation.rollouts import ROOM_PATIENCE_SECONDS, pools_that_make_room
from pd_operator.api.roles import Role
from pd_operator.scaling.observation import (
    Observation,
    PoolObservation,
    Unknown,
    WorkerObservation,
)

UNKNOWN = Unknown("NoSeries", "prometheus", "nothing there")
NOBODY: frozenset[Role] = frozenset()
WAITING = WorkerObservation(
    "new", Role.PREFILL, ready=False, scheduled=False, age_seconds=ROOM_PATIENCE_SECONDS
)


def seen(old: int, *new: WorkerObservation, rolling_out: bool = True) -> Observation:
    workers = tuple(WorkerObservation(f"old-{n}", Role.PREFILL) for n in range(old))
    prefill = PoolObservation(Role.PREFILL, old, (*workers, *new), rolling_out=rolling_out)
    return Observation(0.0, UNKNOWN, prefill, PoolObservation.of(Role.DECODE, ready=2))


def test_a_rollout_on_full_nodes_makes_room_after_a_while() -> None:
    assert pools_that_make_room(seen(2, WAITING), NOBODY) == {Role.PREFILL}
    patient = replace(WAITING, age_seconds=ROOM_PATIENCE_SECONDS - 1)
    assert pools_that_make_room(seen(2, patient), NOBODY) == NOBODY
    starting = replace(WAITING, scheduled=True)
    assert pools_that_make_room(seen(2, starting), NOBODY) == NOBODY


def test_the_last_worker_that_serves_is_never_taken_away_for_it() -> None:
    assert pools_that_make_room(seen(1, WAITING), NOBODY) == NOBODY
    assert pools_that_make_room(seen(1, WAITING), frozenset(Role)) == NOBODY


def test_it_goes_on_until_the_rollout_ends() -> None:
    ready = replace(WAITING, ready=True, scheduled=True)
    begun = frozenset({Role.PREFILL})
    assert pools_that_make_room(seen(1, ready), begun) == begun
    assert pools_that_make_room(seen(2, ready, rolling_out=False), begun) == NOBODY


def test_workers_that_wait_for_the_load_are_no_rollout() -> None:
    assert pools_that_make_room(seen(2, WAITING, rolling_out=False), NOBODY) == NOBODY
