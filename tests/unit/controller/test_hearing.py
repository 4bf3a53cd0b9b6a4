"""A watch is deaf where a LIST shows what it has not told of by the next one."""

from typing import Any

import pytest

from pd_operator.api.names import ServiceKey
from pd_operator.controller.hearing import DEAF_SECONDS, Hearing


def resource(version: int, uid: str = "u") -> dict[str, Any]:
    metadata = {"namespace": "team", "name": "chat", "uid": uid, "resourceVersion": str(version)}
    return {"metadata": metadata}


CHAT = ServiceKey("team", "chat")


def test_a_watch_that_tells_of_all_that_is_there_hears() -> None:
    hearing = Hearing()
    hearing.tell(resource(5))
    assert not hearing.compare([resource(5)])
    hearing.tell(resource(9))
    assert not hearing.compare([resource(8)])
    assert not hearing.waits
    assert hearing.fault() is None


def test_what_may_still_be_on_its_way_is_waited_for_until_the_next_list() -> None:
    hearing = Hearing()
    hearing.tell(resource(5))
    assert not hearing.compare([resource(8)])
    assert hearing.waits
    hearing.tell(resource(8))
    assert not hearing.compare([resource(11)])
    assert hearing.compare([resource(11)])


def test_a_watch_of_a_crd_that_was_replaced_is_deaf_for_its_new_objects() -> None:
    hearing = Hearing()
    hearing.tell(resource(5, "old"))
    assert not hearing.compare([resource(8, "new")])
    assert hearing.compare([resource(8, "new")])


def test_an_object_that_came_and_went_between_two_lists_says_nothing() -> None:
    hearing = Hearing()
    assert not hearing.compare([resource(8, "first")])
    assert not hearing.compare([])
    assert not hearing.compare([resource(9, "second")])


def test_only_deafness_that_no_restart_mends_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    hearing = Hearing()
    for _ in range(2):
        hearing.begin_anew()
        hearing.compare([resource(8)])
        assert hearing.compare([resource(8)])
        assert hearing.fault() is None
    now += DEAF_SECONDS + 1
    assert hearing.fault() is not None
    hearing.tell(resource(8))
    assert not hearing.compare([resource(8)])
    assert hearing.fault() is None
