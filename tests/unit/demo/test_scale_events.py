"""Was the new worker there before the load that needed it?"""

import numpy as np
import pytest

from pd_e2e.demo.oracle import NeededWorkers
from pd_e2e.demo.scale_events import ScaleEvent, Timeliness, scale_events
from pd_e2e.demo.timeline import PoolSteps
from pd_operator.api.roles import Role

END_SECONDS = 100.0


def steps(desired: dict[int, int], ready: dict[int, int]) -> PoolSteps:
    """One sample a second from -10 to 100; each dict gives the values from its seconds on."""
    seconds = np.arange(-10.0, END_SECONDS + 1)

    def held(changes: dict[int, int]) -> np.ndarray:
        at = sorted(changes)
        return np.array([changes[at[i]] for i in np.searchsorted(at, seconds, "right") - 1])

    return PoolSteps(seconds, held(desired), held(desired), held(ready))


def needing(changes: dict[int, int]) -> NeededWorkers:
    seconds = np.arange(0.0, END_SECONDS, 5.0)
    at = sorted(changes)
    workers = np.array([changes[at[i]] for i in np.searchsorted(at, seconds, "right") - 1])
    return NeededWorkers(seconds, 5.0, workers, workers)


def events(
    desired: dict[int, int], ready: dict[int, int], need: dict[int, int]
) -> tuple[ScaleEvent, ...]:
    return scale_events(steps(desired, ready), Role.PREFILL, needing(need), END_SECONDS)


def only(desired: dict[int, int], ready: dict[int, int], need: dict[int, int]) -> ScaleEvent:
    [event] = events(desired, ready, need)
    return event


def test_ready_before_the_need_is_ahead() -> None:
    event = only({-10: 2, 20: 3}, {-10: 2, 50: 3}, {0: 2, 60: 3})
    assert event.timeliness is Timeliness.AHEAD
    assert (event.seconds, event.ready_seconds, event.needed_seconds) == (20.0, 50.0, 60.0)


def test_ready_after_the_need_is_late() -> None:
    event = only({-10: 2, 20: 3}, {-10: 2, 50: 3}, {0: 2, 45: 3})
    assert event.timeliness is Timeliness.LATE
    assert event.needed_seconds == 45.0


def test_never_ready_is_late() -> None:
    event = only({-10: 2, 20: 3}, {-10: 2}, {0: 2, 45: 3})
    assert event.timeliness is Timeliness.LATE
    assert event.ready_seconds is None


def test_a_need_before_the_decision_is_late_even_if_it_had_passed() -> None:
    event = only({-10: 2, 20: 3}, {-10: 2, 50: 3}, {0: 2, 10: 3, 15: 2, 60: 3})
    assert event.timeliness is Timeliness.LATE


def test_a_need_that_an_earlier_worker_met_does_not_count_against_the_next_one() -> None:
    desired = {-10: 3, 30: 2, 50: 3}
    ready = {-10: 3, 31: 2, 70: 3}
    down, up = events(desired, ready, {0: 3, 25: 2, 80: 3})
    assert not down.is_up
    assert up.timeliness is Timeliness.AHEAD


def test_what_the_load_never_needed_is_head_room() -> None:
    event = only({-10: 2, 20: 3}, {-10: 2, 50: 3}, {0: 2})
    assert event.timeliness is Timeliness.NEVER_NEEDED


def test_a_need_after_the_operator_wanted_fewer_again_is_not_this_events() -> None:
    up, _ = events({-10: 2, 20: 3, 60: 2}, {-10: 2, 50: 3, 61: 2}, {0: 2, 70: 3})
    assert up.timeliness is Timeliness.NEVER_NEEDED


@pytest.mark.parametrize(("need_four", "second"), [(80, Timeliness.AHEAD), (60, Timeliness.LATE)])
def test_each_step_of_a_climb_is_judged_by_its_own_number(
    need_four: int, second: Timeliness
) -> None:
    first, then = events(
        {-10: 2, 10: 3, 30: 4}, {-10: 2, 40: 3, 65: 4}, {0: 2, 45: 3, need_four: 4}
    )
    assert first.timeliness is Timeliness.AHEAD
    assert then.timeliness is second


def test_changes_during_the_warm_up_are_not_events() -> None:
    assert events({-10: 1, -5: 2}, {-10: 1, 0: 2}, {0: 2}) == ()
