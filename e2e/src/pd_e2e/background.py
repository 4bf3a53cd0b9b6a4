"""What goes on in a thread of its own while a block runs."""

import threading
from abc import ABC, abstractmethod
from typing import Self


class Background(ABC):
    """Runs from entering the block to leaving it, which waits for its end."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    @abstractmethod
    def _run(self) -> None:
        """What is done in the thread; ends soon after `_done` is set."""
