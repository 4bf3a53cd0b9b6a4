"""How long steps tell a person that they are alive."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Receives the course of long steps: builds, downloads, start-ups.

    Calls come from one thread. `expected_seconds` is an estimate made before the step starts;
    0 means that the step is too short to be worth one.
    """

    def started(self, step: str, expected_seconds: float) -> None:
        """`step` begins."""

    def advanced(self, step: str, elapsed_seconds: float, detail: str) -> None:
        """`step` is still at work, on `detail`."""

    def finished(self, step: str, elapsed_seconds: float) -> None:
        """`step` is done."""


class PlainProgress:
    """Writes lines to standard error: one when a step starts, one when it ends, few between."""

    def __init__(self, every_seconds: float = 15.0) -> None:
        self._every_seconds = every_seconds
        self._last_line_seconds = 0.0

    def started(self, step: str, expected_seconds: float) -> None:
        """Write that the step starts and how long it will take."""
        self._last_line_seconds = 0.0
        estimate = f" (up to about {_duration(expected_seconds)})" if expected_seconds else ""
        self._write(f"{step} ...{estimate}")

    def advanced(self, step: str, elapsed_seconds: float, detail: str) -> None:
        """Write a line if the last one is old enough."""
        if elapsed_seconds - self._last_line_seconds < self._every_seconds:
            return
        self._last_line_seconds = elapsed_seconds
        self._write(f"{step}: {_duration(elapsed_seconds)}, {detail}")

    def finished(self, step: str, elapsed_seconds: float) -> None:
        """Write how long the step took."""
        self._write(f"{step}: done in {elapsed_seconds:.1f} s")

    def _write(self, line: str) -> None:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


class SilentProgress:
    """Says nothing."""

    def started(self, step: str, expected_seconds: float) -> None:
        """Ignore it."""

    def advanced(self, step: str, elapsed_seconds: float, detail: str) -> None:
        """Ignore it."""

    def finished(self, step: str, elapsed_seconds: float) -> None:
        """Ignore it."""


@contextmanager
def step(progress: Progress, name: str, expected_seconds: float = 0.0) -> Iterator[None]:
    """Tell that a step starts, and, unless the body raises, that it is done."""
    progress.started(name, expected_seconds)
    began = time.monotonic()
    yield
    progress.finished(name, time.monotonic() - began)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min"
