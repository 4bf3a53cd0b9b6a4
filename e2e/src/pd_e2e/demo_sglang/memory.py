"""How much memory a worker takes: its processes' share, shared pages divided among their users."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")


def worker_megabytes(host: str) -> float | None:
    """Proportional set size of the server that listens on `host`, with all its processes.

    None where there is no such server.
    """
    children = defaultdict(list)
    root = None
    for pid in _processes():
        try:
            arguments = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
            stat = (PROC / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue  # it has ended
        children[int(stat.rpartition(")")[2].split()[1])].append(pid)
        if b"--host" in arguments and arguments[arguments.index(b"--host") + 1] == host.encode():
            root = pid if root is None else min(root, pid)
    return None if root is None else sum(map(_megabytes, _family(root, children)))


def _processes() -> Iterator[int]:
    return (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def _family(pid: int, children: dict[int, list[int]]) -> Iterator[int]:
    yield pid
    for child in children.get(pid, []):
        yield from _family(child, children)


def _megabytes(pid: int) -> float:
    try:
        text = (PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0.0
    (line,) = (line for line in text.splitlines() if line.startswith("Pss:"))
    return int(line.split()[1]) / 1e3
