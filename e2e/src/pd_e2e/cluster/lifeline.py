"""Ties process groups to the life of this process, so that even SIGKILL leaves nothing behind."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Self

_REAPER = Path(__file__).with_name("reaper.py")


class Lifeline:
    """A small helper process that outlives this one just long enough to kill what it started.

    The kernel's own means, PR_SET_PDEATHSIG, needs code between fork and exec, fires when the
    starting *thread* ends, and is lost on the first further fork. Here a pipe tells: the helper
    reads process groups from it, and its end means that this process is gone.

    A process group must be led by its own leader (`start_new_session=True`). Children that make
    their own session are their parents' affair.
    """

    def __init__(self) -> None:
        self._reaper = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_REAPER)],
            stdin=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C in the terminal is not for it
            text=True,
        )

    def hold(self, group: int) -> None:
        """Kill this process group if this process ends without releasing it."""
        self._send(f"+{group}\n")

    def release(self, group: int) -> None:
        """Forget a process group that has ended: its number may be given to others."""
        self._send(f"-{group}\n")

    def close(self) -> None:
        """Kill what is still held, and end the helper."""
        if self._reaper.stdin is not None:
            with suppress(BrokenPipeError):
                self._reaper.stdin.close()
        self._reaper.wait()

    def _send(self, line: str) -> None:
        if self._reaper.stdin is None or self._reaper.stdin.closed:
            return
        with suppress(BrokenPipeError):
            self._reaper.stdin.write(line)
            self._reaper.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
