"""The values that are shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pd_operator.cli.top.view import ServiceView


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
class ReplayView:
    """The service under load, and how far the load is."""

    clock: str
    seconds_left: float
    share: float
    service: ServiceView
    requests_offered: int
    requests_failed: int


@dataclass(frozen=True, slots=True)
class DisplayState:
    """Everything that is shown; `replay` is None until the load is played."""

    stages: Sequence[Stage]
    replay: ReplayView | None = None
