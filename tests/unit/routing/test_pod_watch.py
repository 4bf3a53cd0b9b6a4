"""What one event does to the pods that are known."""

from typing import Any

import pytest

from pd_operator.routing.pod_watch import (
    LONGEST_PAUSE_SECONDS,
    PodsUnavailableError,
    apply_event,
    pause_seconds,
)


def pod(uid: str, **more: object) -> dict[str, Any]:
    return {"metadata": {"uid": uid}, **more}


def test_events_follow_a_pod_from_birth_to_death() -> None:
    pods: dict[str, Any] = {}
    assert apply_event(pods, {"type": "ADDED", "object": pod("a")})
    assert apply_event(pods, {"type": "MODIFIED", "object": pod("a", status={"podIP": "1.2.3.4"})})
    assert pods["a"]["status"] == {"podIP": "1.2.3.4"}
    assert apply_event(pods, {"type": "DELETED", "object": pod("a")})
    assert pods == {}


def test_a_pod_of_the_same_name_with_another_uid_is_another_pod() -> None:
    pods: dict[str, Any] = {"old": pod("old")}
    apply_event(pods, {"type": "ADDED", "object": pod("new")})
    apply_event(pods, {"type": "DELETED", "object": pod("old")})
    assert list(pods) == ["new"]


def test_a_bookmark_says_nothing_of_any_pod() -> None:
    pods: dict[str, Any] = {"a": pod("a")}
    assert not apply_event(pods, {"type": "BOOKMARK", "object": {"kind": "Pod"}})
    assert list(pods) == ["a"]


def test_an_error_ends_the_watch_and_forgets_no_pod() -> None:
    pods: dict[str, Any] = {"a": pod("a")}
    expired = {"code": 410, "message": "too old resource version"}
    with pytest.raises(PodsUnavailableError, match="too old"):
        apply_event(pods, {"type": "ERROR", "object": expired})
    assert list(pods) == ["a"]


@pytest.mark.parametrize("failures", [1, 2, 10, 100_000])
def test_pauses_between_attempts_are_bounded_on_both_sides(failures: int) -> None:
    assert 0.1 <= pause_seconds(failures) <= LONGEST_PAUSE_SECONDS
