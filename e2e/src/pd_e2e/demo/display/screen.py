"""Puts states on a console."""

import math
from typing import Self

from rich.console import Console
from rich.live import Live

from pd_e2e.demo.display.lines import plain, stage_line
from pd_e2e.demo.display.panels import render
from pd_e2e.demo.display.state import DisplayState, StageState

PLAIN_PERIOD_SECONDS = 15.0
REFRESHES_PER_SECOND = 4


class Screen:
    """Shows states: a live panel on a terminal, a line now and then elsewhere."""

    def __init__(self, console: Console, plain_period_seconds: float = PLAIN_PERIOD_SECONDS):
        self._console = console
        self._period_seconds = plain_period_seconds
        self._live = Live(console=console, refresh_per_second=REFRESHES_PER_SECOND)
        self._said_at_seconds = -math.inf
        self._said_stages: dict[str, StageState] = {}

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def show(self, state: DisplayState, now_seconds: float) -> None:
        """Show `state`; `now_seconds` is of any steady clock.

        Without a terminal, every stage that begins or ends has a line of its own, and a long
        stage or the replay has one every `plain_period_seconds`.
        """
        if self._console.is_terminal:
            self._live.update(render(state))
            return
        changed = [s for s in state.stages if self._said_stages.get(s.name) is not s.state]
        news = [s for s in changed if s.state is not StageState.WAITING]
        self._said_stages = {stage.name: stage.state for stage in state.stages}
        for stage in news:
            self._say(stage_line(stage), now_seconds)
        if not news and now_seconds - self._said_at_seconds >= self._period_seconds:
            self._say(plain(state), now_seconds)

    def _say(self, line: str, now_seconds: float) -> None:
        self._said_at_seconds = now_seconds
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
