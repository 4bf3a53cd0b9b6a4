"""Every change of the wanted workers, and whether it came before the load that needed it."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from pd_e2e.demo.oracle import NeededWorkers
from pd_e2e.demo.timeline import PoolSteps
from pd_operator.api.roles import Role


class Timeliness(StrEnum):
    """How a scale-up to n workers met the load.

    The *gap* is the time in which fewer than n workers were ready: it begins when last n were
    ready (or at second 0) and ends when n are ready again.
    """

    AHEAD = "ahead"
    """The load needed n workers before the operator wanted fewer again, but not in the gap."""

    LATE = "late"
    """The load needed n workers in the gap."""

    NEVER_NEEDED = "never_needed"
    """The load did not need n workers before the operator wanted fewer again: head-room."""


@dataclass(frozen=True)
class ScaleEvent:
    """The operator changed its mind at `seconds`: `before` workers wanted, then `after`.

    The other fields are of scale-ups only. `ready_seconds` is when `after` workers were ready and
    `needed_seconds` when the load first needed as many; None where that never happened.
    """

    role: Role
    seconds: float
    before: int
    after: int
    timeliness: Timeliness | None = None
    ready_seconds: float | None = None
    needed_seconds: float | None = None

    @property
    def is_up(self) -> bool:
        """Whether workers were added."""
        return self.after > self.before


def scale_events(
    steps: PoolSteps, role: Role, needed: NeededWorkers, end_seconds: float
) -> tuple[ScaleEvent, ...]:
    """The changes of `role`'s wanted workers between second 0 and `end_seconds`."""
    changes = np.flatnonzero(np.diff(steps.desired)) + 1
    return tuple(
        _event(steps, int(index), role, needed, end_seconds)
        for index in changes
        if 0 <= steps.seconds[index] <= end_seconds
    )


def _event(
    steps: PoolSteps, index: int, role: Role, needed: NeededWorkers, end_seconds: float
) -> ScaleEvent:
    before, after = int(steps.desired[index - 1]), int(steps.desired[index])
    seconds = float(steps.seconds[index])
    if after < before:
        return ScaleEvent(role, seconds, before, after)
    enough = steps.ready >= after
    ready = _first(steps, enough, index)
    gap_start = max(0.0, _last(steps, enough, index))
    wanted_until = _first(steps, steps.desired < after, index)
    need = needed.first_need(
        role, after, gap_start, end_seconds if wanted_until is None else wanted_until
    )
    return ScaleEvent(role, seconds, before, after, _timeliness(ready, need), ready, need)


def _timeliness(ready_seconds: float | None, needed_seconds: float | None) -> Timeliness:
    if needed_seconds is None:
        return Timeliness.NEVER_NEEDED
    if ready_seconds is not None and ready_seconds <= needed_seconds:
        return Timeliness.AHEAD
    return Timeliness.LATE


def _first(steps: PoolSteps, holds: np.typing.NDArray[np.bool_], index: int) -> float | None:
    """The first second from sample `index` on at which `holds`."""
    found = np.flatnonzero(holds[index:])
    return float(steps.seconds[index + found[0]]) if len(found) else None


def _last(steps: PoolSteps, holds: np.typing.NDArray[np.bool_], index: int) -> float:
    """The last second before sample `index` until which it `holds`; -inf if it never did."""
    found = np.flatnonzero(holds[:index])
    return float(steps.seconds[found[-1] + 1]) if len(found) else -np.inf
