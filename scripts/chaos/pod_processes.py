"""The processes of a pod's container: killed, or stopped for a while."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pd_e2e.nodes.agent_process import AgentProcess


class NoProcessError(RuntimeError):
    """Nothing runs where something was to be struck."""


def kill_container(agent: AgentProcess, namespace: str, pod: str, container: str) -> None:
    """SIGKILL all processes of a container, as the kernel does where memory is short."""
    for group in _groups(agent, namespace, pod, container):
        _signal(group, signal.SIGKILL)


def end_container(agent: AgentProcess, namespace: str, pod: str, container: str) -> None:
    """SIGTERM a container's processes: it may end in order, and is started again."""
    for group in _groups(agent, namespace, pod, container):
        _signal(group, signal.SIGTERM)


@contextmanager
def container_hung(agent: AgentProcess, namespace: str, pod: str, container: str) -> Iterator[None]:
    """SIGSTOP a container's processes for the length of a block; those that outlive it go on."""
    groups = _groups(agent, namespace, pod, container)
    for group in groups:
        _signal(group, signal.SIGSTOP)
    try:
        yield
    finally:
        for group in groups:
            _signal(group, signal.SIGCONT)


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


def _groups(agent: AgentProcess, namespace: str, pod: str, container: str) -> set[int]:
    """Process groups whose output is the container's log."""
    log = str(agent.pod_log(namespace, pod, container))
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str((folder / "fd" / "1").readlink()) == log:
                found.add(os.getpgid(int(folder.name)))
    if not found:
        raise NoProcessError(f"no process writes to {log}")
    return found
