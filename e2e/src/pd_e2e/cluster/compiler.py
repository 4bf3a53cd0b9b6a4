"""Runs `go build` and tells how far it is."""

import os
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path


class BuildError(RuntimeError):
    """A Go build failed; the message ends with what the compiler said."""


def go_build(command: Sequence[str], module: Path, report: Callable[[str], None]) -> None:
    """Run a `go build -v` in `module`, and report about once a second what it is at.

    Raises:
        BuildError: the build failed.

    """
    # Static programs, the same on every machine, and no C compiler needed.
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    with subprocess.Popen(
        command, cwd=module, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        log = _Log(process.stderr or ())
        try:
            while _still_runs(process):
                report(log.summary)
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        raise BuildError(f"{' '.join(command)} failed in {module}:\n{log.tail}")


def _still_runs(process: subprocess.Popen[str]) -> bool:
    try:
        process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        return True
    return False


class _Log:
    """Follows the compiler's standard error: a line per package, or a complaint."""

    def __init__(self, stream: Iterable[str]) -> None:
        self._lines: deque[str] = deque(maxlen=40)
        self._count = 0
        self._thread = threading.Thread(target=self._follow, args=(stream,), daemon=True)
        self._thread.start()

    def _follow(self, stream: Iterable[str]) -> None:
        for line in stream:
            self._lines.append(line.rstrip())
            self._count += 1

    @property
    def summary(self) -> str:
        if not self._lines:
            return "linking what earlier builds compiled"
        return f"{self._count} packages, last {self._lines[-1]}"

    @property
    def tail(self) -> str:
        self._thread.join(timeout=5)
        return "\n".join(self._lines)
