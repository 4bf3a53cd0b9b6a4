"""Keeps the display alive while the demo works: stages, their seconds, and the live service."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Self

from pd_e2e.demo.display import DisplayState, ReplayView, Screen, Stage, StageState

REFRESH_SECONDS = 0.5


class Board:
    """The stages of the demo on a screen, redrawn by a thread while the main one is at work."""

    def __init__(self, screen: Screen, stages: Sequence[str]) -> None:
        self._screen = screen
        self._stages = {name: Stage(name, StageState.WAITING) for name in stages}
        self._began: dict[str, float] = {}
        self._replay: ReplayView | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._redraw, daemon=True)

    def __enter__(self) -> Self:
        self._screen.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        self._show()
        self._screen.__exit__(*error)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """`name` runs for as long as the block does."""
        self._began[name] = time.monotonic()
        self._change(name, lambda stage: replace(stage, state=StageState.RUNNING))
        try:
            yield
        except BaseException:
            self._change(name, lambda stage: replace(stage, state=StageState.FAILED))
            raise
        self._change(name, lambda stage: replace(stage, state=StageState.DONE, share=None))

    def note(self, name: str, note: str, share: float | None = None) -> None:
        """Say in a few words what a stage is at, and how far."""
        self._change(name, lambda stage: replace(stage, note=note, share=share))

    def replay(self, view: ReplayView | None) -> None:
        """Show the service under load."""
        with self._lock:
            self._replay = view

    def _change(self, name: str, change: Callable[[Stage], Stage]) -> None:
        with self._lock:
            aged = replace(self._stages[name], seconds=self._seconds(name))
            self._stages[name] = change(aged)

    def _seconds(self, name: str) -> float:
        return time.monotonic() - self._began[name]

    def _redraw(self) -> None:
        while not self._stop.wait(REFRESH_SECONDS):
            self._show()

    def _show(self) -> None:
        with self._lock:
            stages = [
                replace(stage, seconds=self._seconds(name))
                if stage.state is StageState.RUNNING
                else stage
                for name, stage in self._stages.items()
            ]
            state = DisplayState(stages, self._replay)
        self._screen.show(state, time.monotonic())


class BoardProgress:
    """Shows the course of builds and start-ups as notes of one stage."""

    def __init__(self, board: Board, stage: str) -> None:
        self._board = board
        self._stage = stage
        self._expected = 0.0

    def started(self, step: str, expected_seconds: float) -> None:
        """Say what is done and how long it will take."""
        self._expected = expected_seconds
        about = f", about {expected_seconds:.0f} s" if expected_seconds >= 20 else ""
        self._board.note(self._stage, f"{step}{about}")

    def advanced(self, step: str, elapsed_seconds: float, detail: str) -> None:
        """Show how far it is, by the clock."""
        share = min(elapsed_seconds / self._expected, 0.99) if self._expected else None
        self._board.note(self._stage, f"{step}: {detail}", share)

    def finished(self, step: str, elapsed_seconds: float) -> None:
        """Say that it is done."""
        self._board.note(self._stage, f"{step}: {elapsed_seconds:.0f} s")
