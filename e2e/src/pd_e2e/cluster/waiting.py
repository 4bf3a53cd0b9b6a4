"""Waiting for something to become true, with a deadline instead of a sleep."""

import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


LONGEST_FACTOR = 4.0
"""A wait on a crowded machine is at most so many times as long as on an idle one."""


class DeadlineExceededError(AssertionError):
    """What was waited for did not come in time."""


class HopelessError(RuntimeError):
    """What is waited for cannot come any more: `eventually` lets this error through at once."""


def eventually(
    check: Callable[[], T], timeout_seconds: float = 120.0, poll_seconds: float = 0.1
) -> T:
    """Call `check` until it returns something true without raising, and return that.

    On a machine that has more to do than it has cores for, the wait is longer in proportion, so
    that a busy machine is not taken for a fault. The cause of the error that ends a vain wait is
    what `check` raised last.

    Raises:
        DeadlineExceededError: it did not within `timeout_seconds`.
        HopelessError: `check` raised it.

    """
    begun = time.monotonic()
    last_error: Exception | None = None
    result: T | None = None
    while True:
        try:
            result, last_error = check(), None
        except HopelessError:
            raise
        except Exception as error:
            last_error = error
        if result and last_error is None:
            return result
        if time.monotonic() >= begun + timeout_seconds * crowding(os.getloadavg()[0]):
            seen = f"raised {last_error!r}" if last_error else f"returned {result!r}"
            raise DeadlineExceededError(
                f"not within {timeout_seconds:g} s: {_name(check)} last {seen}"
            ) from last_error
        time.sleep(poll_seconds)


def crowding(load: float, cores: int | None = None) -> float:
    """How many times longer things take with so many processes that want to run; 1 to 4."""
    each = load / (cores or os.cpu_count() or 1)
    return min(LONGEST_FACTOR, max(1.0, each))


def _name(check: Callable[[], object]) -> str:
    return getattr(check, "__qualname__", repr(check))
