"""The registry: what exists, and when a tick is asked for."""

from typing import Any

from pd_operator.api.names import ANNOTATION_PAUSED, ServiceKey
from pd_operator.controller.registry import Registry

CHAT = ServiceKey("default", "chat")


def resource(
    name: str = "chat", generation: int = 1, uid: str = "u", **metadata: Any
) -> dict[str, Any]:
    known = {"namespace": "default", "name": name, "generation": generation, "uid": uid}
    return {"metadata": known | metadata}


def test_a_new_service_is_told_of() -> None:
    registry = Registry()
    registry.put(resource())
    assert registry.services() == [CHAT]
    assert registry.changed.is_set()


def test_an_edited_spec_rings_and_a_written_status_does_not() -> None:
    registry = Registry()
    registry.put(resource())
    entry = registry.entry(CHAT)
    registry.put(resource())
    assert not entry.wake.is_set()
    registry.put(resource(generation=2))
    assert entry.wake.is_set()
    assert entry.touched


def test_children_that_were_touched_are_compared_once() -> None:
    registry = Registry()
    registry.put(resource())
    registry.take_dirty(CHAT)
    assert not registry.take_dirty(CHAT)
    registry.mark_dirty(CHAT)
    assert registry.take_dirty(CHAT)
    assert not registry.take_dirty(CHAT)


def test_a_service_made_anew_under_the_same_name_is_an_edit() -> None:
    registry = Registry()
    registry.put(resource(uid="first"))
    entry = registry.entry(CHAT)
    registry.put(resource(uid="second"))
    assert entry.wake.is_set()


def test_a_list_removes_the_ghosts_that_the_watch_missed() -> None:
    registry = Registry()
    registry.put(resource())
    registry.put(resource("gone"))
    registry.replace([resource()])
    assert registry.services() == [CHAT]


def test_ringing_for_a_service_that_is_gone_is_harmless() -> None:
    Registry().poke(CHAT)


def test_a_list_that_is_older_than_the_watch_takes_nothing_back() -> None:
    registry = Registry()
    registry.put(resource(generation=2))
    entry = registry.entry(CHAT)
    registry.replace([resource(generation=1)])
    assert entry.resource == resource(generation=2)
    assert not entry.wake.is_set()


def test_a_pause_and_its_end_ring_at_once() -> None:
    registry = Registry()
    registry.put(resource())
    entry = registry.entry(CHAT)
    for annotations in ({ANNOTATION_PAUSED: "load test"}, {}):
        registry.put(resource(annotations=annotations))
        assert entry.wake.is_set()
        entry.wake.clear()
    registry.put(resource(annotations={"note": "by somebody"}))
    assert not entry.wake.is_set()


def test_a_list_that_is_older_than_the_watch_ends_no_pause() -> None:
    registry = Registry()
    paused = resource(annotations={ANNOTATION_PAUSED: "true"}, resourceVersion="100")
    registry.put(paused)
    registry.replace([resource(resourceVersion="99")])
    assert registry.entry(CHAT).resource == paused
    registry.replace([resource(resourceVersion="101")])
    assert registry.entry(CHAT).resource != paused
