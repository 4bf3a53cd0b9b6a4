"""The one telling sentence of what a program said before it ended with an error.

The kubelet keeps up to 2 kB of it as the container's termination message: for SGLang, tracebacks
of several processes, and what others of them say when the first is gone. Wanted is the error that
came first of all; the last line is often only its consequence.
"""

import re
from collections.abc import Iterator

from pd_operator.telemetry.secrets import redacted

LONGEST_SENTENCE = 220

_STAMP = re.compile(r"^(?:\[\d{4}-[^\]]*\]\s*)?(?:(?:INFO|WARNING|ERROR|CRITICAL):\s+)?")
"""What loggers put before a line: `[2026-12-01 08:00:00 TP0] `, uvicorn's `ERROR:    `."""

_EXCEPTION = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception)(?:: |$)")
"""The last line of a traceback: the class, with or without its module, and the message."""

_COMPLAINT = re.compile(r"\berror\b|\[errno|\bfailed\b|\bcannot\b", re.IGNORECASE)

_CONSEQUENCE = re.compile(
    r"scheduler died|scheduler is dead|sigquit|kill_process_tree|leaked semaphore|resource_tracker"
    r"|^EOFError|^BrokenPipeError|^ConnectionResetError|^KeyboardInterrupt|^SystemExit"
)
"""What the other processes of SGLang say when one has ended."""


_NO_FOLDER = re.compile(r"^\w+: Repo id must be in the form .*?: ('[^']*')\..*")
"""transformers, of a path that does not exist: it takes the path for a name on Hugging Face."""


def telling_sentence(message: str) -> str:
    """Why a program ended, from the end of its log; empty where nothing was said.

    One line, bounded, without secrets. The last exception that is no mere consequence of another
    program's end; without one, the last complaint; without that, the last line.
    """
    lines = [line for line in _lines(message) if not _CONSEQUENCE.search(line)]
    for is_telling in (_EXCEPTION.search, _COMPLAINT.search, bool):
        found = next(filter(is_telling, reversed(lines)), "")
        if found:
            return _bounded(redacted(_NO_FOLDER.sub(r"no model at \1: no such folder", found)))
    return ""


def _lines(message: str) -> Iterator[str]:
    for line in message.splitlines():
        words = " ".join(_STAMP.sub("", line.strip()).split())
        if words:
            yield words


def _bounded(line: str) -> str:
    """The line without a full stop; of a long one whole sentences, where the first one fits."""
    whole = line.rstrip(".,; ")
    if len(whole) <= LONGEST_SENTENCE:
        return whole
    sentences, stop, _ = whole[:LONGEST_SENTENCE].rpartition(". ")
    return sentences if stop else f"{whole[: LONGEST_SENTENCE - 1]}…"
