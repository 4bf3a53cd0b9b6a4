"""A process of a pod: its own process group, its output in a file, its end an awaitable."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pd_e2e.cluster.lifeline import Lifeline


@dataclass(frozen=True)
class Command:
    """What to execute, and in which surroundings."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    directory: Path


class PodProcess:
    """A running process, and all that it starts in its group.

    Must be created on the event loop's thread.
    """

    def __init__(self, command: Command, log: Path, lifeline: Lifeline) -> None:
        """Start it; raise OSError where the program cannot be executed."""
        self._lifeline = lifeline
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command.arguments,
                cwd=command.directory,
                env=dict(command.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        lifeline.hold(self._process.pid)
        loop = asyncio.get_running_loop()
        self._exit_code: asyncio.Future[int] = loop.create_future()
        # A pidfd becomes readable when the process ends: no thread, no SIGCHLD handler.
        self._pidfd = os.pidfd_open(self._process.pid)
        loop.add_reader(self._pidfd, self._reap)

    @property
    def pid(self) -> int:
        """Id of the first process, and of its group."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether the first process has ended."""
        return self._exit_code.done()

    async def wait(self) -> int:
        """Return the exit code: 128 plus the signal's number where a signal ended it."""
        return await asyncio.shield(self._exit_code)

    def terminate(self) -> None:
        """SIGTERM to the first process, as a kubelet does: the rest is its to take down."""
        if not self.ended:
            self._process.terminate()

    def kill(self) -> None:
        """SIGKILL to the whole group."""
        if not self.ended:
            self._kill_group()

    def _reap(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        # Before the wait: the group's number is ours as long as its leader is a zombie.
        self._kill_group()
        status = self._process.wait()
        self._lifeline.release(self._process.pid)
        self._exit_code.set_result(status if status >= 0 else 128 - status)

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
