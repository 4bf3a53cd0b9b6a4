"""States that come seldom are looked at again."""

import threading
from collections.abc import Iterator

import pytest

from pd_operator.routing.repeating import repeating


def test_the_newest_state_comes_again_until_another_does() -> None:
    go_on = threading.Event()

    def states() -> Iterator[int]:
        yield 1
        go_on.wait()
        yield 2

    seen = repeating(states(), 0.001)
    assert [next(seen) for _ in range(3)] == [1, 1, 1]
    go_on.set()
    assert list(seen)[-1] == 2


def test_what_the_reader_raises_is_raised_to_who_asks() -> None:
    def states() -> Iterator[int]:
        yield 1
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        list(repeating(states(), 60.0))


def test_each_state_is_seen_and_the_end_is_the_end() -> None:
    assert list(repeating(iter([1, 2, 3]), 60.0)) == [1, 2, 3]
