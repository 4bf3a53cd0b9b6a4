"""What happens when."""

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from typing import Any

Handler = Callable[[Any], None]


class Agenda:
    """Events in order of time; of those at the same time, the one entered first.

    `now` never goes back. An event that nobody wants any more stays in: its handler knows.
    """

    __slots__ = ("_entered", "_events", "now")

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Handler, Any]] = []
        self._entered = 0

    def at(self, seconds: float, handler: Handler, subject: object) -> None:
        """Call `handler(subject)` at `seconds`."""
        self._entered += 1
        heappush(self._events, (seconds, self._entered, handler, subject))

    def run_until(self, seconds: float) -> None:
        """Let everything happen that is due by `seconds`, and be there."""
        events = self._events
        while events and events[0][0] <= seconds:
            self.now, _, handler, subject = heappop(events)
            handler(subject)
        self.now = seconds

    def run_while(self, going: Callable[[], bool]) -> None:
        """Let everything happen that is to come, as long as `going()`."""
        events = self._events
        while events and going():
            self.now, _, handler, subject = heappop(events)
            handler(subject)

    def subjects(self) -> Iterator[object]:
        """What the events to come are about, in no order."""
        return (event[3] for event in self._events)
