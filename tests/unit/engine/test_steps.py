import pytest
from hypothesis import given
from hypothesis import strategies as st

from pd_e2e.engine.steps import StepClock
from pd_e2e.engine.timings import load_profile
from pd_operator.performance.timing import Timings

SURFACES = load_profile("llama-3.1-8b-h100").surfaces(1)


def run_of(batch: int, tokens_each: int, at: float = 0.0) -> StepClock:
    clock = StepClock(Timings(SURFACES))
    clock.start(at, batch, batch * tokens_each)
    return clock


def test_one_step_takes_what_the_table_says() -> None:
    clock = run_of(batch=16, tokens_each=1024, at=5.0)
    assert clock.end_of(1) == pytest.approx(5.0 + SURFACES.decode_step_seconds(16, 1024))


def test_a_run_takes_as_long_as_its_steps_one_by_one() -> None:
    clock = run_of(batch=8, tokens_each=900)
    one_by_one = sum(SURFACES.decode_step_seconds(8, 900 + step) for step in range(200))
    assert clock.seconds(200) == pytest.approx(one_by_one, rel=1e-3)


def test_before_the_anchor_no_step_is_done() -> None:
    assert run_of(batch=1, tokens_each=10, at=3.0).steps_by(2.0) == 0


@given(batch=st.integers(1, 300), tokens=st.integers(1, 30_000), now=st.floats(0.0, 20.0))
def test_the_last_step_done_ends_by_now_and_the_next_does_not(
    batch: int, tokens: int, now: float
) -> None:
    clock = run_of(batch, tokens)
    steps = clock.steps_by(now)
    assert clock.end_of(steps) <= now + 1e-6
    assert clock.end_of(steps + 1) > now


@given(batch=st.integers(1, 300), tokens=st.integers(1, 30_000), now=st.floats(0.0, 20.0))
def test_the_boundary_after_a_moment_is_the_first_that_is_not_before_it(
    batch: int, tokens: int, now: float
) -> None:
    clock = run_of(batch, tokens)
    steps = clock.boundary_after(now)
    assert clock.end_of(steps) >= now - 1e-6
    assert steps == 0 or clock.end_of(steps - 1) < now
