"""States as they come, and the newest again where none has come for a while."""

import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

State = TypeVar("State")


def repeating(states: Iterator[State], period_seconds: float) -> Iterator[State]:
    """Each of `states` at once, and the last one again every `period_seconds` without another.

    `states` is read in a thread of its own that ends with the process; what it raises is raised
    here. Nothing is yielded before there is a first state, and nothing after the last.
    """
    came: queue.SimpleQueue[State | Exception | None] = queue.SimpleQueue()

    def read() -> None:
        try:
            for state in states:
                came.put(state)
            came.put(None)
        except Exception as error:
            came.put(error)

    threading.Thread(target=read, name="states", daemon=True).start()
    newest = came.get()
    while newest is not None:
        if isinstance(newest, Exception):
            raise newest
        yield newest
        try:
            newest = came.get(timeout=period_seconds)
        except queue.Empty:
            continue
