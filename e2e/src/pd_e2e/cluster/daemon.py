"""A background process with a log file, that can be stopped and started again."""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pd_e2e.cluster.lifeline import Lifeline
from pd_e2e.cluster.waiting import HopelessError


class DaemonDiedError(HopelessError):
    """A background process ended by itself; the message carries the end of its log."""


class Daemon:
    """One program in its own process group, its output appended to `log`."""

    def __init__(self, command: Sequence[str | Path], log: Path, lifeline: Lifeline) -> None:
        self.command = [str(part) for part in command]
        self.log = log
        self._lifeline = lifeline
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """The program's name."""
        return Path(self.command[0]).name

    @property
    def pid(self) -> int:
        """Its process, which leads a process group of that number."""
        if self._process is None:
            raise RuntimeError(f"{self.name} does not run")
        return self._process.pid

    def start(self) -> None:
        """Start it; a second call while it runs does nothing."""
        if self._process is not None and self._process.poll() is None:
            return
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._lifeline.hold(self._process.pid)

    def check_alive(self) -> None:
        """Raise DaemonDiedError if the program ended by itself."""
        if self._process is None or self._process.poll() is None:
            return
        raise DaemonDiedError(
            f"{self.name} ended with status {self._process.returncode}; "
            f"the end of {self.log}:\n{self._log_tail()}"
        )

    def stop(self, grace_seconds: float = 10.0) -> None:
        """SIGTERM, and SIGKILL to the whole group if it has not ended after the grace period."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.terminate()
        try:
            process.wait(timeout=grace_seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._end(process)

    def kill(self) -> None:
        """SIGKILL to the whole group, as a crash of the machine would do."""
        if self._process is not None:
            process, self._process = self._process, None
            self._end(process)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """SIGSTOP it for the length of a block: alive, and doing nothing."""
        if self._process is None:
            raise RuntimeError(f"{self.name} does not run")
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._lifeline.release(process.pid)

    def _log_tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])
