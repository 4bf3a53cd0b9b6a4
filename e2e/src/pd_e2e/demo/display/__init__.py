"""What the demo shows while it runs: stages with their progress, then the live service.

Whoever drives the demo makes a `DisplayState`; `Screen` shows it, as a live panel on a terminal and
as a line now and then elsewhere. Nothing here reads anything.
"""

from pd_e2e.demo.display.screen import Screen
from pd_e2e.demo.display.state import (
    DisplayState,
    ReplayView,
    Stage,
    StageState,
)

__all__ = [
    "DisplayState",
    "ReplayView",
    "Screen",
    "Stage",
    "StageState",
]
