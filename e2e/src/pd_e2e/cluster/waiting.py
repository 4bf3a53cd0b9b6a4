"""Waiting for something to become true, with a deadline instead of a sleep."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class DeadlineExceededError(AssertionError):
    """What was waited for did not come in time."""


class HopelessError(RuntimeError):
    """What is waited for cannot come any more: `eventually` lets this error through at once."""


def eventually(
    check: Callable[[], T], timeout_seconds: float = 120.0, poll_seconds: float = 0.1
) -> T:
    """Call `check` until it returns something true without raising, and return that.

    The cause of the error that ends a vain wait is what `check` raised last.

    Raises:
        DeadlineExceededError: it did not within `timeout_seconds`.
        HopelessError: `check` raised it.

    """
    deadline = time.monotonic() + timeout_seconds
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
        if time.monotonic() >= deadline:
            seen = f"raised {last_error!r}" if last_error else f"returned {result!r}"
            raise DeadlineExceededError(
                f"not within {timeout_seconds:g} s: {_name(check)} last {seen}"
            ) from last_error
        time.sleep(poll_seconds)


def _name(check: Callable[[], object]) -> str:
    return getattr(check, "__qualname__", repr(check))
