"""Waiting ends when the thing is there, when it is too late, and when there is no hope."""

import pytest

from pd_e2e.cluster.waiting import DeadlineExceededError, HopelessError, crowding, eventually


def test_a_wait_returns_what_came_in_the_end() -> None:
    answers = iter([None, LookupError("not yet"), "", "here"])

    def check() -> str | None:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert eventually(check, poll_seconds=0) == "here"


def test_a_vain_wait_says_what_it_saw_last() -> None:
    with pytest.raises(DeadlineExceededError, match="last returned False"):
        eventually(lambda: False, timeout_seconds=0)


def test_a_vain_wait_is_caused_by_the_last_error() -> None:
    def check() -> bool:
        raise LookupError("never there")

    with pytest.raises(DeadlineExceededError, match="never there") as caught:
        eventually(check, timeout_seconds=0)
    assert isinstance(caught.value.__cause__, LookupError)


def test_a_hopeless_wait_ends_at_once() -> None:
    attempts = []

    def check() -> bool:
        attempts.append(1)
        raise HopelessError("the server has ended")

    with pytest.raises(HopelessError, match="has ended"):
        eventually(check, timeout_seconds=60)
    assert len(attempts) == 1


@pytest.mark.parametrize(("load", "factor"), [(0.5, 1.0), (2.0, 1.0), (6.0, 3.0), (50.0, 4.0)])
def test_a_crowded_machine_is_given_more_time(load: float, factor: float) -> None:
    assert crowding(load, cores=2) == factor
