"""The steps of a worker that changes its role, from wherever the last one left it."""

from dataclasses import replace

import pytest
from tests.unit.actuation.switching import ADDRESS, NOW, SILENT, leaving, load, peer, seen

from pd_operator.actuation.flip_marks import marks, switched
from pd_operator.actuation.flips import (
    ANSWER_AGE_SECONDS,
    HALF_SWITCHED_SECONDS,
    LOOK_AGAIN_SECONDS,
    BeginFlip,
    CorrectRole,
    KeepRole,
    Replace,
    SwitchRole,
    flip_steps,
    rest_seconds,
)
from pd_operator.actuation.steps import (
    IDLE_CONFIRMATION_SECONDS,
    ROUTER_NOTICES_SECONDS,
    NoteIdle,
)
from pd_operator.api.roles import Role
from pd_operator.scaling.decision import RoleFlip
from pd_operator.scaling.loans import LONGEST_DRAIN_SECONDS
from pd_operator.scaling.observation import Observation


def test_a_flip_begins_off_traffic_with_its_target_written_down() -> None:
    (step,) = flip_steps(seen(), (RoleFlip("peer", Role.DECODE),))
    assert step == BeginFlip("peer", Role.DECODE, NOW + LONGEST_DRAIN_SECONDS)
    written = marks(step, NOW + 1.5)
    assert written.labels == {"serving.pd-operator.io/traffic": "off"}
    started = written.annotations["serving.pd-operator.io/drain-started"]
    assert started == f"{NOW + 1.5:.3f}", "a tick takes a while to get there"
    assert written.annotations["serving.pd-operator.io/switch-to"] == "decode"


def test_a_busy_worker_is_waited_for() -> None:
    busy = leaving(Role.DECODE, load=load(Role.PREFILL, 1), idle_since=None)
    assert flip_steps(seen(busy), ()) == []


def test_idle_has_to_be_said_twice() -> None:
    once = leaving(Role.DECODE, idle_since=None)
    assert flip_steps(seen(once), ()) == [NoteIdle("a", NOW)]
    busy_again = leaving(Role.DECODE, load=load(Role.PREFILL, 1))
    assert flip_steps(seen(busy_again), ()) == [NoteIdle("a", None)]


def test_an_idle_worker_is_asked_and_a_prefill_uses_up_its_hosts_spelling() -> None:
    graphs = f"{ADDRESS}/decode"
    (step,) = flip_steps(seen(leaving(Role.DECODE)), ())
    assert step == SwitchRole("a", Role.DECODE, ADDRESS, 1, graphs, asked_before=False)
    (step,) = flip_steps(seen(leaving(Role.PREFILL, host_spelling=1)), ())
    assert step == SwitchRole("a", Role.PREFILL, ADDRESS, 1, "", asked_before=False)


def test_one_that_has_switched_already_is_asked_again_after_a_crash_in_between() -> None:
    done = leaving(Role.DECODE, load=load(Role.DECODE), idle_since=None, drain_deadline=NOW - 1)
    (step,) = flip_steps(seen(done), ())
    assert isinstance(step, SwitchRole)
    written = switched(step, NOW)
    assert written.labels == {
        "serving.pd-operator.io/role": "decode",
        "serving.pd-operator.io/traffic": None,
    }
    assert written.annotations["serving.pd-operator.io/host-spelling"] == "1"
    assert written.annotations["serving.pd-operator.io/switch-to"] is None


def test_past_its_deadline_a_worker_keeps_its_role() -> None:
    late = leaving(Role.DECODE, drain_deadline=NOW - 1)
    (step,) = flip_steps(seen(late), ())
    assert step == KeepRole("a", Role.PREFILL)
    written = marks(step, NOW)
    assert written.labels == {"serving.pd-operator.io/traffic": None}
    assert written.annotations["serving.pd-operator.io/switch-refused"] == "1000000"


def test_the_last_worker_of_a_role_keeps_it() -> None:
    look = seen(leaving(Role.DECODE))
    prefills = tuple(replace(one, ready=False) for one in look.prefill.workers)
    look = replace(look, prefill=replace(look.prefill, workers=prefills))
    assert flip_steps(look, ()) == [KeepRole("a", Role.PREFILL)]


def test_one_that_stays_in_between_is_not_taken_for_one_of_either_role() -> None:
    lost = replace(peer(Role.PREFILL), name="a", half_switched=NOW, traffic=False)
    assert flip_steps(seen(replace(lost, load=load(Role.DECODE))), ()) == []


def test_an_engine_in_between_is_asked_again_and_given_up_at_last() -> None:
    hanging = leaving(Role.DECODE, load=SILENT, half_switched=NOW - 10, drain_deadline=NOW - 1)
    (step,) = flip_steps(seen(hanging), ())
    assert isinstance(step, SwitchRole)
    assert step.asked_before
    lost = replace(hanging, half_switched=NOW - HALF_SWITCHED_SECONDS - 1)
    assert flip_steps(seen(lost), ()) == [Replace("a")]


@pytest.mark.parametrize(("home", "spelling"), [(Role.PREFILL, 0), (Role.DECODE, 1)])
def test_an_engine_that_starts_anew_in_a_flip_has_the_role_it_was_made_for(
    home: Role, spelling: int
) -> None:
    crashed = leaving(Role.DECODE, started=False, ready=False, home=home)
    (step,) = flip_steps(seen(crashed), ())
    assert step == CorrectRole("a", home, spelling, ends_flip=True)
    assert marks(step, NOW).labels["serving.pd-operator.io/traffic"] is None


def test_a_borrowed_engine_that_starts_anew_goes_home() -> None:
    crashed = replace(
        peer(Role.PREFILL), name="a", home=Role.DECODE, own_role_again=True, load=SILENT
    )
    (step,) = flip_steps(seen(crashed), ())
    assert step == CorrectRole("a", Role.DECODE, 1)
    assert marks(step, NOW).labels == {"serving.pd-operator.io/role": "decode"}


def test_a_label_edited_by_hand_follows_the_engine() -> None:
    wrong = replace(peer(Role.PREFILL), name="a", load=load(Role.DECODE))
    assert flip_steps(seen(wrong), ()) == [CorrectRole("a", Role.DECODE, 0)]


def test_what_an_engine_said_before_it_switched_corrects_nothing() -> None:
    just_switched = replace(
        peer(Role.PREFILL), name="a", role_since=NOW - 2, load=load(Role.DECODE, age_seconds=3)
    )
    assert flip_steps(seen(just_switched), ()) == []


def test_a_worker_that_replicas_were_lowered_for_changes_no_role() -> None:
    gone = leaving(Role.DECODE, replicas_without=9)
    assert flip_steps(seen(gone), ()) == []
    wrong = replace(peer(Role.PREFILL), name="a", load=load(Role.DECODE), replicas_without=9)
    assert flip_steps(seen(wrong), ()) == []
    stays = replace(gone, replicas_without=8)  # they were raised again since
    assert len(flip_steps(seen(stays), ())) == 1


def test_it_is_looked_at_again_when_what_it_says_can_end_its_drain() -> None:
    assert rest(seen()) is None
    begun = seen(), (RoleFlip("peer", Role.DECODE),)
    assert rest_seconds(begun[0], flip_steps(*begun), NOW) == just_after(ROUTER_NOTICES_SECONDS)
    just_begun = leaving(Role.DECODE, drain_started=NOW - 0.25, idle_since=None)
    assert rest(seen(just_begun)) == just_after(ROUTER_NOTICES_SECONDS - 0.25)
    idle_once = leaving(Role.DECODE, idle_since=None)
    assert rest(seen(idle_once)) == just_after(IDLE_CONFIRMATION_SECONDS)
    idle_lately = leaving(Role.DECODE, idle_since=NOW - 0.75)
    assert rest(seen(idle_lately)) == just_after(IDLE_CONFIRMATION_SECONDS - 0.75)
    first = seen(idle_once, replace(idle_lately, name="b"))
    assert rest(first) == just_after(0.25), "the first of all"


def test_what_it_took_to_write_is_not_waited_for_once_more() -> None:
    once = seen(leaving(Role.DECODE, idle_since=None))
    left = just_after(IDLE_CONFIRMATION_SECONDS - 0.25)
    assert rest_seconds(once, flip_steps(once, ()), NOW + 0.25) == left


def just_after(seconds: float) -> float:
    return seconds + ANSWER_AGE_SECONDS


def test_one_that_may_be_ready_any_time_is_looked_at_twice_a_second() -> None:
    busy = leaving(Role.DECODE, load=load(Role.PREFILL, 1), idle_since=None)
    hanging = leaving(Role.DECODE, load=SILENT, half_switched=NOW - 10)
    for worker in (busy, hanging, leaving(Role.DECODE, idle_since=NOW - 9)):
        assert rest(seen(worker)) == LOOK_AGAIN_SECONDS


def rest(look: Observation) -> float | None:
    return rest_seconds(look, flip_steps(look, ()), NOW)
