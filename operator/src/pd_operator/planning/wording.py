"""Figures in sentences."""

import math

from pd_operator.planning.plan import Limit

_MINOR = {
    Limit.TTFT: "time to first token",
    Limit.TPOT: "time per output token",
    Limit.UTILIZATION: "the utilization cap",
    Limit.KV_ROOM: "KV room",
    Limit.NETWORK: "the network cap",
    Limit.MINIMUM: "the minimum",
    Limit.METHOD: "the method",
    Limit.ONE_WORKER: "one worker",
}


def duration(seconds: float) -> str:
    """`15.1 ms`, `820 ms`, `2.31 s`: three digits in the unit that people use."""
    if math.isinf(seconds):
        return "endless"
    if seconds >= 1:
        return f"{seconds:.2f} s"
    milliseconds = seconds * 1000
    return f"{milliseconds:.0f} ms" if milliseconds >= 99.95 else f"{milliseconds:.1f} ms"


def counted(number: int, noun: str) -> str:
    """`1 worker`, `2 workers`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def minor(limit: Limit) -> str:
    """A limit inside a sentence."""
    return _MINOR[limit]
