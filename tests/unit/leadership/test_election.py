"""Who may act, by a Lease and one's own clock alone."""

import pytest

from pd_operator.leadership.election import (
    NOBODY,
    RELEASED_SECONDS,
    Acquire,
    ElectionTimes,
    LeaseRecord,
    Renew,
    Sighting,
    StandDown,
    Tenure,
    Wait,
    elect,
    tenure_of,
)

TIMES = ElectionTimes(lease_duration_seconds=15, renew_deadline_seconds=10, retry_period_seconds=2)
OTHERS = LeaseRecord(holder="other", duration_seconds=15, term=7)


def test_a_lease_of_another_is_waited_for_until_it_stood_unchanged_for_its_duration() -> None:
    seen = Sighting(OTHERS, since_seconds=100)
    assert elect(seen, 100, "me", None, TIMES) == Wait(2)
    assert elect(seen, 114, "me", None, TIMES) == Wait(1)
    assert elect(seen, 115, "me", None, TIMES) == Acquire(8)


def test_a_lease_that_changes_is_waited_for_anew_whatever_times_are_written_in_it() -> None:
    seen = Sighting(OTHERS, since_seconds=100, version="1")
    renewed = LeaseRecord("other", 15, 7, renewed="1999-01-01T00:00:00.000000Z")
    assert seen.followed_by(Sighting(OTHERS, 114, "1")) == seen
    assert elect(seen.followed_by(Sighting(renewed, 114, "2")), 116, "me", None, TIMES) == Wait(2)


def test_a_lease_that_is_again_as_it_was_seen_long_ago_has_changed_in_between() -> None:
    seen = Sighting(LeaseRecord(), since_seconds=100, version="1")
    again = seen.followed_by(Sighting(LeaseRecord(), since_seconds=200, version="9"))
    assert elect(again, 200, "me", None, TIMES) == Wait(2)


def test_a_lease_that_was_given_back_is_taken_at_once() -> None:
    released = LeaseRecord(NOBODY, RELEASED_SECONDS, 7)
    assert elect(Sighting(released, 100), 100, "me", None, TIMES) == Acquire(8)


@pytest.mark.parametrize(
    "record",
    [
        LeaseRecord(),
        LeaseRecord(NOBODY, 15, 7, acquired="once"),
        LeaseRecord(NOBODY, RELEASED_SECONDS, 7, acquired="once"),
        LeaseRecord("me", 15, 7, acquired="once"),
        LeaseRecord("other", 1, 7, acquired="once"),
    ],
    ids=["new", "cleared by hand", "cleared and shortened", "with one's own name", "shortened"],
)
def test_a_lease_that_says_nobody_acts_is_no_proof_of_it(record: LeaseRecord) -> None:
    seen = Sighting(record, since_seconds=100)
    assert isinstance(elect(seen, 114, "me", None, TIMES), Wait)
    assert elect(seen, 115, "me", None, TIMES) == Acquire(record.term + 1)


def test_who_waits_keeps_to_the_longer_of_the_two_durations() -> None:
    seen = Sighting(LeaseRecord("other", 60, 7), since_seconds=100)
    assert isinstance(elect(seen, 159, "me", None, TIMES), Wait)
    assert elect(seen, 160, "me", None, TIMES) == Acquire(8)


def test_a_leader_renews_until_its_deadline_and_then_stands_down() -> None:
    seen, tenure = Sighting(LeaseRecord("me", 15, 7), 100), tenure_of(7, 100, TIMES)
    assert tenure == Tenure(7, acts_until_seconds=110)
    assert elect(seen, 109, "me", tenure, TIMES) == Renew(7)
    assert isinstance(elect(seen, 110, "me", tenure, TIMES), StandDown)


@pytest.mark.parametrize(
    "record", [OTHERS, LeaseRecord(), LeaseRecord("me", 15, 8)], ids=["other", "gone", "term"]
)
def test_a_leader_stands_down_when_the_lease_is_no_longer_its_own(record: LeaseRecord) -> None:
    assert isinstance(elect(Sighting(record, 101), 101, "me", Tenure(7, 110), TIMES), StandDown)


@pytest.mark.parametrize("times", [(15, 10, 9), (15, 15, 2), (11, 10, 2), (15, 10, 0)])
def test_times_by_which_two_could_act_are_refused(times: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="must be longer"):
        ElectionTimes(*times)


def test_a_last_write_ends_before_another_leads() -> None:
    assert TIMES.renew_deadline_seconds + TIMES.write_seconds < TIMES.lease_duration_seconds
