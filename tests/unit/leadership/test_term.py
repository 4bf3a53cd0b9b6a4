"""The fence around every write."""

import threading
from types import SimpleNamespace

import pytest

from pd_operator.actuation.fence import DeposedError
from pd_operator.leadership.election import Tenure
from pd_operator.leadership.term import Term, boot_seconds


@pytest.fixture
def clock() -> SimpleNamespace:
    return SimpleNamespace(now=100.0)


@pytest.fixture
def term(clock: SimpleNamespace) -> Term:
    return Term(Tenure(3, 110.0), "me", "17", 4.0, lambda: clock.now)


def test_a_write_passes_until_the_term_is_over_and_no_longer(
    term: Term, clock: SimpleNamespace
) -> None:
    clock.now = 109.9
    with term.writing():
        pass
    clock.now = 110.0
    with pytest.raises(DeposedError, match="3 me 17"), term.writing():
        raise AssertionError("it passed")
    term.extend(Tenure(3, 120.0))
    with term.writing():
        pass


def test_once_ended_a_term_stays_so(term: Term) -> None:
    term.end()
    term.extend(Tenure(3, 1000.0))
    with pytest.raises(DeposedError), term.writing():
        raise AssertionError("it passed")


def test_a_write_under_way_is_waited_for(term: Term) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def write() -> None:
        with term.writing():
            begun.set()
            may_end.wait()

    writing = threading.Thread(target=write)
    writing.start()
    begun.wait()
    term.end()
    assert not term.await_quiet(0.0)
    may_end.set()
    assert term.await_quiet(60.0)
    writing.join()


def test_the_clock_only_moves_forward() -> None:
    assert boot_seconds() <= boot_seconds()
