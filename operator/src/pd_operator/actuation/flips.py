"""The next safe steps of workers that change their role, as plain values.

Off traffic, idle, switched, then back on traffic in the new role: the target is written on the pod
before anything else is done, so that whoever looks next goes on from there. An engine that is asked
again for the role that it has says yes at once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pd_operator.actuation.steps import (
    IDLE_CONFIRMATION_SECONDS,
    ROUTER_NOTICES_SECONDS,
    NoteIdle,
    is_confirmed_idle,
    is_idle,
    published_seconds,
)
from pd_operator.api.roles import Role
from pd_operator.scaling.decision import RoleFlip
from pd_operator.scaling.loans import LONGEST_DRAIN_SECONDS
from pd_operator.scaling.observation import Known, Observation, WorkerObservation

HALF_SWITCHED_SECONDS = 120.0
"""An engine that was asked gets so long to arrive: one that captures CUDA graphs for decode refuses
a second question meanwhile."""

ANSWER_AGE_SECONDS = 0.05
"""What an engine tells is a little older than the look at it: one that comes on the second is in
vain."""

LOOK_AGAIN_SECONDS = 0.5
"""Between two looks at an engine that nobody knows when it has ended what it does: half of what
idleness takes to be believed."""


@dataclass(frozen=True)
class BeginFlip:
    """Take `worker` off traffic to take `role`; it must be idle by `deadline` (Unix seconds)."""

    worker: str
    role: Role
    deadline: float


@dataclass(frozen=True)
class SwitchRole:
    """Ask the engine at `address` to take `role`; then `worker` serves in it.

    - `host_spelling`: the name of its host by which it is known from then on.
    - `graphs_of`: address of a decode to ask for the size of CUDA graphs; empty where not needed.
    - `asked_before`: whether it was asked already, and may be between the two.
    """

    worker: str
    role: Role
    address: str
    host_spelling: int
    graphs_of: str
    asked_before: bool


@dataclass(frozen=True)
class KeepRole:
    """`worker` could not leave its `role` in time, or is the last that has it, and stays in it."""

    worker: str
    role: Role


@dataclass(frozen=True)
class CorrectRole:
    """The engine of `worker` has another role than its pod says: `role`.

    `ends_flip`: it started anew while it was to change its role, and is put on traffic again.
    """

    worker: str
    role: Role
    host_spelling: int
    ends_flip: bool = False


@dataclass(frozen=True)
class Replace:
    """The engine of `worker` stays between two roles: it serves no more, and another comes."""

    worker: str


FlipStep = BeginFlip | NoteIdle | SwitchRole | KeepRole | CorrectRole | Replace


def flip_steps(seen: Observation, begun: tuple[RoleFlip, ...]) -> list[FlipStep]:
    """The steps to take now: `begun` of the decision, those under way, and wrong labels."""
    now = seen.time_seconds
    steps: list[FlipStep] = [
        BeginFlip(flip.worker, flip.role, now + LONGEST_DRAIN_SECONDS) for flip in begun
    ]
    for role in Role:
        for worker in seen.pool(role).live:
            if seen.home(worker.member_of).is_removed(worker):
                continue  # it goes, whatever its role
            steps += _go_on(worker, seen) if worker.switching else _correct(worker, now)
    return steps


def rest_seconds(seen: Observation, steps: Iterable[FlipStep], now: float) -> float | None:
    """After these steps, how long to wait for the next one of any; None where none is to come.

    `now`: Unix seconds at which they had been taken, which may be a while after they were seen due.
    """
    taken = {step.worker: step for step in steps}
    rests = [
        _rest(worker, taken.get(worker.name), now)
        for role in Role
        for worker in seen.pool(role).live
        if worker.switching or isinstance(taken.get(worker.name), BeginFlip)
    ]
    return min(rests, default=None)


def _rest(worker: WorkerObservation, step: FlipStep | None, now: float) -> float:
    """How long a worker need not be looked at: until what it says can end its drain."""
    if isinstance(step, BeginFlip):
        return ROUTER_NOTICES_SECONDS + ANSWER_AGE_SECONDS
    since = step.since if isinstance(step, NoteIdle) else worker.idle_since
    believed = now if since is None else since + IDLE_CONFIRMATION_SECONDS
    noticed = now if worker.drain_started is None else worker.drain_started + ROUTER_NOTICES_SECONDS
    due = max(believed, noticed) - now
    return due + ANSWER_AGE_SECONDS if due > 0 else LOOK_AGAIN_SECONDS


def _go_on(worker: WorkerObservation, seen: Observation) -> Iterator[FlipStep]:
    """The next step of a worker that is to take `worker.role`."""
    now, left = seen.time_seconds, worker.role.other
    if not worker.started:
        # A new engine begins in the role that it was made for.
        yield _corrected(worker, left, ends_flip=True)
    elif worker.half_switched is not None and now - worker.half_switched > HALF_SWITCHED_SECONDS:
        yield Replace(worker.name)
    elif worker.half_switched is not None or _mode(worker, now) is worker.role:
        yield _switch(worker, seen)
    elif _late(worker, now) or not any(one.serving for one in seen.pool(left).workers):
        yield KeepRole(worker.name, left)
    elif is_confirmed_idle(worker, now):
        yield _switch(worker, seen)
    elif is_idle(worker, now) != (worker.idle_since is not None):
        since = published_seconds(worker, now) if is_idle(worker, now) else None
        yield NoteIdle(worker.name, since)


def _late(worker: WorkerObservation, now: float) -> bool:
    return worker.drain_deadline is None or now >= worker.drain_deadline


def _switch(worker: WorkerObservation, seen: Observation) -> SwitchRole:
    graphs = ""
    if worker.role is Role.DECODE:
        graphs = next((one.address for one in seen.decode.workers if one.serving), "")
    return SwitchRole(
        worker.name,
        worker.role,
        worker.address,
        _spelling(worker, leaves=worker.role.other),
        graphs,
        worker.half_switched is not None,
    )


def _correct(worker: WorkerObservation, now: float) -> Iterator[FlipStep]:
    """Where the label says another role than the engine has."""
    mode = _mode(worker, now)
    if worker.half_switched is not None:
        return
    if worker.own_role_again and worker.on_loan:
        yield _corrected(worker, worker.role)
    elif mode is not None and mode is not worker.role:
        yield CorrectRole(worker.name, mode, worker.host_spelling)


def _corrected(worker: WorkerObservation, left: Role, *, ends_flip: bool = False) -> CorrectRole:
    """A new engine has the role that it was made for; the pod was known by the one that `left`."""
    role = worker.member_of
    spelling = worker.host_spelling if role is left else _spelling(worker, leaves=left)
    return CorrectRole(worker.name, role, spelling, ends_flip)


def _spelling(worker: WorkerObservation, *, leaves: Role) -> int:
    """A stay as a prefill uses a spelling up."""
    return worker.host_spelling + (leaves is Role.PREFILL)


def _mode(worker: WorkerObservation, now: float) -> Role | None:
    """The role that the engine says it has, since the pod has its own; None where it does not."""
    published = published_seconds(worker, now)
    if published is None or not isinstance(worker.load, Known):
        return None
    newer = worker.role_since is None or published > worker.role_since + ROUTER_NOTICES_SECONDS
    return worker.load.value.mode if newer else None
