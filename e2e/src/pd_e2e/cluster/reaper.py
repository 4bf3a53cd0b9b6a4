"""Kills process groups when the process that started this one is gone. Run by `Lifeline`.

Reads lines from standard input: `+GROUP` puts a process group under watch, `-GROUP` takes it out.
The input ends when the parent closes it or dies, by whatever signal; then what is left is killed.
It imports next to nothing, so that it starts in milliseconds and stays small.
"""

import os
import signal
import sys


def main() -> None:
    """Follow the parent until it is gone, then kill the groups that it left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        change = groups.add if line[0] == "+" else groups.discard
        change(int(line[1:]))
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    main()
