"""A load that rises or falls is told from one that jumps, and from one that merely varies."""

import random
from collections.abc import Callable

import pytest
from tests.unit.scaling.deciding import MakeLoad

from pd_operator.demand import Demand, LengthDistribution
from pd_operator.scaling.engine_trends import Arrivals, EngineTrend
from pd_operator.scaling.slopes import (
    MINIMUM_TICKS,
    STEEPEST_RISE,
    Offered,
    falls,
    offered_lately,
    risen,
)


@pytest.fixture
def engine_with(load: MakeLoad) -> Callable[[float], EngineTrend]:
    """An engine that so many tokens a second reached."""

    def build(tokens_per_second: float) -> EngineTrend:
        arrivals = (Arrivals(9_985.0, 0), Arrivals(10_000.0, round(15 * tokens_per_second)))
        return EngineTrend(load(), 10_000.0, arrivals=arrivals)

    return build


LENGTH = LengthDistribution.constant(1000)
TICK_SECONDS = 15.0


def seen(*tokens_per_second: float) -> tuple[Offered, ...]:
    """What arrived at so many ticks in a row."""
    return tuple(
        Offered(10_000.0 + TICK_SECONDS * tick, tokens)
        for tick, tokens in enumerate(tokens_per_second)
    )


def of(tokens_per_second: float) -> Demand:
    return Demand(tokens_per_second / 1000, LENGTH, LENGTH)


def test_a_climb_is_drawn_on_until_the_next_worker_serves() -> None:
    # 1,000 tokens/s more each tick; in 75 s, five ticks, 18,000 where 10,500 are measured now.
    climb = seen(*(5_000 + 1_000 * tick for tick in range(9)))
    assert risen(climb, of(10_500), 75.0) == pytest.approx(18_000 / 10_500)


def test_a_climb_is_seen_through_the_chance_of_arrivals() -> None:
    dice = random.Random(7)
    climb = seen(*(5_000 + 1_000 * tick * dice.uniform(0.9, 1.1) for tick in range(9)))
    assert risen(climb, of(10_500), 75.0) > 1.4


def test_a_jump_has_a_slope_and_does_not_go_on() -> None:
    # It meets a tick in the middle, so that one tick sees half of it.
    for after in range(8):
        jump = seen(*([5_000.0] * (8 - after)), 12_500.0, *([20_000.0] * after))
        assert risen(jump, of(10_000), 75.0) == 1.0


def test_a_steady_load_is_taken_for_a_rise_once_in_a_thousand_ticks() -> None:
    dice = random.Random(1)
    rises = sum(
        risen(seen(*(dice.gauss(10_000, 1_500) for _ in range(9))), of(10_000), 75.0) > 1
        for _ in range(4_000)
    )
    assert rises <= 10


def test_a_fall_is_seen_through_the_chance_of_arrivals() -> None:
    dice = random.Random(7)
    assert falls(seen(*((13_000 - 1_000 * tick) * dice.uniform(0.9, 1.1) for tick in range(9))))


@pytest.mark.parametrize(
    "tokens",
    [
        [5_000.0 + 1_000 * tick for tick in range(9)],
        [1_000.0] * 9,
        [0.0] * 9,
        [13_000.0 - 1_000 * tick for tick in range(MINIMUM_TICKS - 1)],
        [*[20_000.0] * 5, 12_500.0, *[5_000.0] * 3],
    ],
    ids=["a rise", "a level", "nothing", "too few ticks", "a jump down"],
)
def test_what_is_no_plain_fall_is_none(tokens: list[float]) -> None:
    assert not falls(seen(*tokens))


def test_no_rise_is_drawn_on_for_ever() -> None:
    steep = seen(*(100.0 + 1_000 * tick for tick in range(9)))
    assert risen(steep, of(8_000), 600.0) == STEEPEST_RISE


def test_of_quick_ticks_only_those_count_that_saw_other_arrivals(
    engine_with: Callable[[float], EngineTrend],
) -> None:
    lately: tuple[Offered, ...] = ()
    for second in range(0, 61, 2):
        lately = offered_lately(lately, [engine_with(5_000.0)], 10_000.0 + second)
    assert [one.time_seconds - 10_000 for one in lately] == [0, 14, 28, 42, 56]
    assert {one.tokens_per_second for one in lately} == {5_000.0}


@pytest.mark.parametrize(
    ("tokens", "present"),
    [
        ([1_000.0 + 100 * tick for tick in range(MINIMUM_TICKS - 1)], 1_000.0),
        ([1_000.0 + 100 * tick for tick in range(9)], 0.0),
        ([2_000.0 - 100 * tick for tick in range(9)], 1_500.0),
        ([1_000.0] * 9, 1_000.0),
    ],
    ids=["too few ticks", "nothing measured", "a fall", "a level"],
)
def test_what_is_no_plain_rise_changes_nothing(tokens: list[float], present: float) -> None:
    assert risen(seen(*tokens), of(present), 75.0) == 1.0
