"""The laid-out tables say what the surfaces say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pd_operator.performance import load_bundled
from pd_operator.performance.timing import Chunk, Timings
from pd_operator.simulation.step_tables import PassTimes, StepTimes

TIMINGS = Timings(load_bundled("deepseek-v3-h200").surfaces(8), slowdown=1.3)
PASSES, STEPS = PassTimes(TIMINGS, longest=4096), StepTimes(TIMINGS)
quick = settings(deadline=None)


@given(st.lists(st.integers(1, 9000), min_size=1, max_size=20))
@quick
def test_a_pass_takes_what_the_engine_simulator_takes(prompts: list[int]) -> None:
    expected = TIMINGS.prefill_pass([Chunk(tokens) for tokens in prompts])
    assert PASSES.seconds(sum(prompts), len(prompts)) == pytest.approx(expected)


@given(st.integers(1, 8192), st.integers(1, 100_000))
@quick
def test_attention_to_cached_tokens_is_what_it_takes_there(new: int, cached: int) -> None:
    expected = TIMINGS.prefill_pass([Chunk(new, cached)]) - TIMINGS.prefill_pass([Chunk(new)])
    assert PASSES.attention_seconds(new, cached) == pytest.approx(expected, abs=1e-12)


@given(st.integers(1, 3000), st.floats(1, 300_000))
@quick
def test_a_step_lies_on_the_line_of_its_context(batch: int, context: float) -> None:
    a, b, end = STEPS.line(batch, context)
    assert a + b * context == pytest.approx(TIMINGS.decode_step(batch, context))
    assert end > context or end == pytest.approx(context)
    assert b >= 0


@given(st.integers(1, 500), st.floats(1, 100_000), st.integers(1, 5000))
@quick
def test_steps_up_to_a_kink_take_as_long_as_one_by_one(
    batch: int, context: float, steps: int
) -> None:
    a, b, end = STEPS.line(batch, context)
    steps = min(steps, max(1, int(end - context)))
    one_by_one = sum(TIMINGS.decode_step(batch, context + step) for step in range(steps))
    assert steps * (a + b * (context + (steps - 1) / 2)) == pytest.approx(one_by_one)
