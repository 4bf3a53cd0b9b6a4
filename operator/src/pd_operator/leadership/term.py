"""The fence around every write: it passes while this process leads, and no longer.

Time is what it goes by, so it holds for a process that runs. One that is stopped between the
fence and the wire may still send a write late; so writes that change workers carry the versions
of what they change, too, and those are moved on at the start of a term (`actuation.fence`).
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pd_operator.actuation.fence import DeposedError
from pd_operator.leadership.election import Tenure

Clock = Callable[[], float]
"""Seconds of a clock that only moves forward."""


def boot_seconds() -> float:
    """Seconds since boot, those in which the machine was suspended included where it tells."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


class Term:
    """One term of leading, from its election to its end: a `Fence`. Safe for all threads.

    `label` is unique to it, also where a Lease was deleted and counts anew: how often that has
    changed hands, who got it, and its `version` then.
    """

    def __init__(
        self, tenure: Tenure, holder: str, version: str, write_seconds: float, clock: Clock
    ) -> None:
        self._tenure = tenure
        self._clock = clock
        self._ended = False
        self._writing = 0
        self._quiet = threading.Condition()
        self.label = f"{tenure.term} {holder} {version}"
        self.write_seconds = write_seconds

    @property
    def tenure(self) -> Tenure:
        """The term's number, and until when it lasts without another renewal."""
        return self._tenure

    @property
    def acts(self) -> bool:
        """Whether a write would pass now."""
        return not self._ended and self._clock() < self._tenure.acts_until_seconds

    def extend(self, tenure: Tenure) -> None:
        """The Lease was renewed."""
        with self._quiet:
            self._tenure = tenure

    def end(self) -> None:
        """Let no further write pass. Those that have passed go on: see `await_quiet`."""
        with self._quiet:
            self._ended = True

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Enclose one write; `DeposedError` where it may not begin."""
        with self._quiet:
            if not self.acts:
                raise DeposedError(f"term {self.label} is over")
            self._writing += 1
        try:
            yield
        finally:
            with self._quiet:
                self._writing -= 1
                self._quiet.notify_all()

    def await_quiet(self, at_most_seconds: float) -> bool:
        """Wait until no write is under way; whether that came about."""
        with self._quiet:
            return self._quiet.wait_for(lambda: not self._writing, at_most_seconds)
