"""The values that are shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pd_e2e.demo.timeline import Band, PoolSample


class StageState(StrEnum):
    """How far a stage is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the demo. `share` is how much of it is done, None where nobody knows.

    `note` is a few words: what it does while it runs, what came of it when it is done.
    """

    name: str
    state: StageState
    seconds: float = 0.0
    share: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class PoolView:
    """Workers of one role, the most there may be, and the pool's forecast in tokens per second."""

    workers: PoolSample
    most: int
    tokens_per_second: Band | None


@dataclass(frozen=True, slots=True)
class Attained:
    """Share of the requests within an objective: so far and lately; None where none finished."""

    objective: str
    so_far: float | None
    recent: float | None


@dataclass(frozen=True, slots=True)
class ReplayView:
    """The service under load. `offered` is the offered rate over time, oldest first."""

    clock: str
    seconds_left: float
    share: float
    offered: Sequence[float]
    forecast: Band | None
    forecast_horizon_seconds: float | None
    prefill: PoolView
    decode: PoolView
    attained: Sequence[Attained]
    goal_share: float
    requests_offered: int
    requests_failed: int
    decision: str


@dataclass(frozen=True, slots=True)
class DisplayState:
    """Everything that is shown; `replay` is None until the load is played."""

    stages: Sequence[Stage]
    replay: ReplayView | None = None
