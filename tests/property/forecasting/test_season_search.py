"""A rhythm that is there is found, whatever its period and phase; noise and wandering show none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripts.forecast_bench import seasons

from pd_forecasting.base import FloatArray
from pd_forecasting.season_search import Season, chance_of, find_season
from pd_forecasting.season_watch import SeasonWatch

LONGEST = 360.0
BIN_SECONDS = 30.0
several = settings(max_examples=10, deadline=None)
seeds = st.integers(0, 10_000)


def counted(rate: FloatArray, seed: int) -> FloatArray:
    """Square roots of a rate as it is counted in bins of half a minute."""
    return seasons.counted(rate, np.random.default_rng(seed))


def wave(bins: int, period: float, phase: float = 0.0) -> FloatArray:
    return np.asarray(25 + 20 * np.sin(2 * np.pi * (np.arange(bins) / period + phase)))


def found(roots: FloatArray) -> Season | None:
    return find_season(roots, longest_bins=LONGEST, seen=len(roots))


def in_force(roots: FloatArray) -> float:
    """Share of the time with a rhythm in force."""
    return float(np.mean([period > 0 for period in seasons.seen(roots, BIN_SECONDS)]))


@several
@given(period=st.floats(12.0, 100.0), phase=st.floats(0.0, 1.0), seed=seeds)
def test_a_wave_is_found_within_three_cycles(period: float, phase: float, seed: int) -> None:
    season = found(counted(wave(round(3 * period), period, phase), seed))
    assert season is not None
    assert season.period_bins == pytest.approx(period, rel=0.1)


@several
@given(rate=st.floats(0.05, 200.0), seed=seeds)
def test_a_steady_load_of_random_arrivals_shows_none(rate: float, seed: int) -> None:
    assert not in_force(counted(np.full(480, rate), seed))


@several
@given(step=st.floats(0.02, 1.0), seed=seeds)
def test_a_load_that_walks_at_random_shows_none(step: float, seed: int) -> None:
    walk = np.abs(4 + np.cumsum(np.random.default_rng(seed).normal(0, step, 480)))
    assert not in_force(counted(walk**2, seed))


@pytest.mark.parametrize("kind", ["spikes at random", "smooth noise of 5 bins"])
def test_what_nearly_looks_like_a_rhythm_is_seldom_taken_for_one(kind: str) -> None:
    rng = np.random.default_rng(1)
    days = [seasons.counted(seasons.NOISE[kind](rng), rng) for _ in range(3)]
    assert np.mean([in_force(day) for day in days]) < 0.02


@several
@given(period=st.floats(12.0, 60.0), scale=st.floats(1e-3, 1e6), seed=seeds)
def test_a_period_knows_no_unit(period: float, scale: float, seed: int) -> None:
    roots = counted(wave(round(3 * period), period), seed)
    one, other = found(roots), found(roots * scale)
    assert one is not None
    assert other is not None
    assert other.period_bins == pytest.approx(one.period_bins, rel=0.02)


def test_an_idle_load_and_a_constant_one_show_none() -> None:
    assert found(np.zeros(200)) is None
    assert found(np.full(200, np.sqrt(1234.567))) is None
    assert found(np.full(200, np.nan)) is None
    assert found(np.empty(0)) is None


def test_a_few_missing_bins_do_not_hide_a_wave() -> None:
    roots = counted(wave(60, 20.0), 1)
    roots[[3, 17, 31, 48]] = np.nan
    season = found(roots)
    assert season is not None
    assert season.period_bins == pytest.approx(20.0, rel=0.1)
    roots[20:40] = np.nan
    assert found(roots) is None


def test_few_cycles_must_be_more_alike_than_many() -> None:
    shares = np.array([0.8, 0.8, 0.8])
    chance = chance_of(shares, np.array([9.0, 17.0, 25.0]))
    assert chance[0] > 0.05
    assert chance[2] < 1e-5
    assert (np.diff(chance) < 0).all()


@pytest.mark.parametrize("fading", [1.0, 0.7])
def test_the_rhythm_in_force_changes_only_to_be_sharper(fading: float) -> None:
    roots = counted(wave(300, 23.3) * np.linspace(1.0, fading, 300), 2)
    watch = SeasonWatch(LONGEST)
    followed: list[Season] = []
    for bins in np.split(roots, range(1, len(roots))):
        watch = watch.extended(bins)
        if watch.season is not None and watch.season not in followed[-1:]:
            followed.append(watch.season)
    assert watch.season is not None
    assert 1 <= len(followed) <= 3
    assert followed[-1].period_bins == pytest.approx(23.3, rel=0.02)


def test_a_rhythm_that_ends_is_given_up() -> None:
    roots = counted(np.concatenate([wave(120, 20.0), np.full(200, 25.0)]), 4)
    watch = SeasonWatch(LONGEST).extended(roots[:120])
    assert watch.season is not None
    assert watch.extended(roots[120:]).season is None


def test_bins_that_come_singly_or_at_once_show_the_same_rhythm() -> None:
    roots = counted(wave(90, 14.0), 5)
    at_once = SeasonWatch(LONGEST).extended(roots)
    singly = SeasonWatch(LONGEST)
    for bins in np.split(roots, range(1, len(roots))):
        singly = singly.extended(bins)
    assert singly.season == at_once.season
    assert at_once.season is not None
