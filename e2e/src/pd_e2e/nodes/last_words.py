"""What a container that failed said last, as a kubelet puts it into the container's status.

A program that writes a termination message of its own, to `/dev/termination-log`, is not heard:
a process has no such file.
"""

import os
from pathlib import Path

from pd_e2e.nodes.api import Json

MAX_BYTES = 2048
"""`MaxContainerTerminationMessageLogLength` of Kubernetes 1.36."""

MAX_LINES = 80
"""`MaxContainerTerminationMessageLogLines` of Kubernetes 1.36."""

FALLBACK = "FallbackToLogsOnError"


def last_words(container: Json, exit_code: int, log: Path) -> str:
    """The end of the log, where the container's policy asks for it and it ended with an error."""
    if exit_code == 0 or container.get("terminationMessagePolicy") != FALLBACK:
        return ""
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - MAX_BYTES))
        end = file.read()
    # The first character may have been cut in two.
    lines = end.decode(errors="replace").splitlines(keepends=True)
    return "".join(lines[-MAX_LINES:])
