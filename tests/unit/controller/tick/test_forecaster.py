"""From an archive to forecasts, with fits in the process that the operator fits in."""

import asyncio
import os
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor

import numpy as np
import pytest

from pd_e2e.cluster.waiting import eventually
from pd_operator.api.autoscaling import ForecastModel, ForecastSpec
from pd_operator.api.names import ServiceKey
from pd_operator.api.roles import Role
from pd_operator.controller.tick.fit_pool import FitPool
from pd_operator.controller.tick.forecaster import ServiceForecaster
from pd_operator.demand import Demand, DemandForecast, FloatArray, LengthDistribution
from pd_operator.scaling.observation import Unknown
from pd_operator.scaling.pool_forecasts import forecast_at

from .history_source import AWAY, MemoryArchive

KEY = ServiceKey("team", "chat")
SPEC = ForecastSpec(history_days=1, quantile_percent=95, resolution_seconds=60)
SHAPE = Demand(20.0, LengthDistribution.constant(1000.0), LengthDistribution.constant(200.0))
NOW = 1_789_999_980.0
LEADS = (200.0, 320.0)


def noisy(ends: FloatArray) -> FloatArray:
    """A slow wave with noise that depends on the bin alone."""
    number = np.round(ends / 60).astype(np.int64)
    noise = np.array([np.random.default_rng(n).normal() for n in number])
    return np.asarray(20.0 + 5.0 * np.sin(ends / 9000) + noise, dtype=np.float64)


@pytest.fixture(scope="module")
def fits() -> Iterator[FitPool]:
    pool = FitPool()
    yield pool
    pool.close()


async def fitted(ahead: ServiceForecaster) -> None:
    """Wait for the fit that runs."""
    assert ahead._fit is not None
    await asyncio.wait_for(ahead._fit, 60)


def forecast(
    ahead: ServiceForecaster, role: Role, lead: float, now: float
) -> DemandForecast | Unknown:
    known = ahead.fitted
    if isinstance(known, Unknown):
        return known
    return forecast_at(now + lead, known, role, SPEC.quantile_percent, SHAPE)


def bands(made: DemandForecast) -> list[float]:
    both = (made.requests_per_second, made.tokens_per_second)
    return [edge for band in both for edge in (band.low, band.median, band.high)]


async def followed(ahead: ServiceForecaster, archive: MemoryArchive, minutes: range) -> None:
    """Tick once a minute, waiting for every fit, with a forecast for both pools each time."""
    for minute in minutes:
        now = NOW + 60 * minute
        await ahead.refresh(archive, SPEC, now, LEADS)
        await fitted(ahead)
        for role, lead in zip(Role, LEADS, strict=True):
            found = forecast(ahead, role, lead, now)
            if not isinstance(found, Unknown):
                ahead.expect({role: found})


async def test_a_restart_loses_nothing(fits: FitPool) -> None:
    archive = MemoryArchive(noisy, since_seconds=NOW - 86_400)
    first = ServiceForecaster(KEY, fits)
    await followed(first, archive, range(23))
    again = ServiceForecaster(KEY, fits)
    await followed(again, archive, range(22, 23))
    for role, lead in zip(Role, LEADS, strict=True):
        before = forecast(first, role, lead, NOW + 22 * 60)
        after = forecast(again, role, lead, NOW + 22 * 60)
        assert isinstance(before, DemandForecast)
        assert isinstance(after, DemandForecast)
        assert after.tokens_per_second.high == pytest.approx(before.tokens_per_second.high, 0.02)


async def test_forecasts_are_held_against_what_came(fits: FitPool) -> None:
    archive = MemoryArchive(noisy, since_seconds=NOW - 86_400)
    ahead = ServiceForecaster(KEY, fits)
    await followed(ahead, archive, range(45))
    coverage = ahead.coverage[Role.PREFILL]
    assert coverage.forecasts > 30
    assert coverage.low < coverage.median < coverage.high
    assert coverage.high > 0.8


async def test_ten_minutes_of_data_are_enough_to_forecaster(fits: FitPool) -> None:
    archive = MemoryArchive(noisy, since_seconds=NOW - 600)
    ahead = ServiceForecaster(KEY, fits)
    await followed(ahead, archive, range(1))
    found = forecast(ahead, Role.PREFILL, 200.0, NOW)
    assert isinstance(found, DemandForecast)
    assert (found.model, found.trusted) == ("LastValue", False)


async def test_what_is_missing_is_said(fits: FitPool) -> None:
    archive = MemoryArchive(noisy, since_seconds=NOW - 180)
    ahead = ServiceForecaster(KEY, fits)
    await ahead.refresh(archive, SPEC, NOW, LEADS)
    young = forecast(ahead, Role.PREFILL, 200.0, NOW)
    assert isinstance(young, Unknown)
    assert "being fitted" in young.message
    await fitted(ahead)
    young = forecast(ahead, Role.PREFILL, 200.0, NOW)
    assert isinstance(young, Unknown)
    assert "needs 5 measured bins of 60 s, there are 3" in young.message
    archive.away = True
    await ahead.refresh(archive, SPEC, NOW + 60, LEADS)
    assert forecast(ahead, Role.PREFILL, 200.0, NOW + 60) == Unknown(
        "NotEnoughHistory", "forecast", AWAY.message
    )


async def test_while_prometheus_is_away_the_last_good_fit_looks_further_ahead(
    fits: FitPool,
) -> None:
    archive = MemoryArchive(noisy, since_seconds=NOW - 86_400)
    ahead = ServiceForecaster(KEY, fits)
    await followed(ahead, archive, range(1))
    archive.away = True
    await ahead.refresh(archive, SPEC, NOW + 600, LEADS)
    assert isinstance(forecast(ahead, Role.PREFILL, 200.0, NOW + 600), DemandForecast)


async def test_a_bin_that_was_read_too_early_counts_as_it_became(fits: FitPool) -> None:
    def half_of_the_bins_from(newest: float) -> Callable[[FloatArray], FloatArray]:
        return lambda ends: np.where(ends >= newest, 0.5, 1.0) * noisy(ends)

    complete, late = (MemoryArchive(noisy, since_seconds=NOW - 86_400) for _ in range(2))
    sure, hasty = ServiceForecaster(KEY, fits), ServiceForecaster(KEY, fits)
    for minute in range(6):
        late.rate = half_of_the_bins_from(NOW + 60 * minute) if 0 < minute < 5 else noisy
        await followed(sure, complete, range(minute, minute + 1))
        await followed(hasty, late, range(minute, minute + 1))
    for role, lead in zip(Role, LEADS, strict=True):
        expected = forecast(sure, role, lead, NOW + 300)
        found = forecast(hasty, role, lead, NOW + 300)
        assert isinstance(expected, DemandForecast)
        assert isinstance(found, DemandForecast)
        for one, other in zip(bands(found), bands(expected), strict=True):
            assert one == pytest.approx(other, rel=1e-9)


async def test_another_lead_time_is_learned_with_the_next_bin(fits: FitPool) -> None:
    archive = MemoryArchive(noisy, since_seconds=NOW - 86_400)
    ahead = ServiceForecaster(KEY, fits)
    await followed(ahead, archive, range(1))
    first = ahead._fit
    await ahead.refresh(archive, SPEC, NOW + 60, (200.0, 320.0))
    assert ahead._fit is first, "720 bins have not passed"
    await ahead.refresh(archive, SPEC, NOW + 120, (200.0, 1500.0))
    assert ahead._fit is not first
    await fitted(ahead)
    assert ahead._followed is not None
    assert ahead._followed.newest.learned((200.0, 1500.0))


async def test_a_rhythm_that_shows_itself_is_followed_after_a_fit_of_its_own(
    fits: FitPool,
) -> None:
    def waves(ends: FloatArray) -> FloatArray:
        return noisy(ends) + 15.0 * np.sin(2 * np.pi * ends / 1200)

    archive = MemoryArchive(waves, since_seconds=NOW - 600)
    ahead = ServiceForecaster(KEY, fits)
    await followed(ahead, archive, range(1))
    first = ahead._fit
    await followed(ahead, archive, range(1, 50))
    assert ahead._fit is not first
    found = forecast(ahead, Role.PREFILL, 200.0, NOW + 49 * 60)
    assert isinstance(found, DemandForecast)
    assert found.found_season_seconds == pytest.approx(1200, rel=0.1)
    newest = ahead._fit
    await followed(ahead, archive, range(50, 56))
    assert ahead._fit is newest, "one fit is enough"


async def test_another_spec_begins_anew(fits: FitPool) -> None:
    archive = MemoryArchive(noisy, since_seconds=NOW - 86_400)
    ahead = ServiceForecaster(KEY, fits)
    await followed(ahead, archive, range(1))
    other = ForecastSpec(history_days=1, resolution_seconds=60, model=ForecastModel.LAST_VALUE)
    await ahead.refresh(archive, other, NOW, LEADS)
    assert isinstance(forecast(ahead, Role.PREFILL, 200.0, NOW), Unknown)
    await fitted(ahead)
    found = forecast(ahead, Role.PREFILL, 200.0, NOW)
    assert isinstance(found, DemandForecast)
    assert found.model == "LastValue"


async def test_a_fit_that_takes_too_long_is_tried_with_the_newer_half(
    fits: FitPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = MemoryArchive(noisy, since_seconds=NOW - 86_400)
    ahead = ServiceForecaster(KEY, fits)
    monkeypatch.setattr(fits, "_deadline", 0.001)
    await ahead.refresh(archive, SPEC, NOW, LEADS)
    await fitted(ahead)
    told = forecast(ahead, Role.PREFILL, 200.0, NOW)
    assert isinstance(told, Unknown)
    assert "took longer than 0.001 s" in told.message
    monkeypatch.undo()
    await ahead.refresh(archive, SPEC, NOW + 60, LEADS)
    await fitted(ahead)
    assert isinstance(forecast(ahead, Role.PREFILL, 200.0, NOW + 60), DemandForecast)
    assert ahead._followed is not None
    assert ahead._followed.newest.prompt_tokens.model.known_points == 720


def alive(process: int) -> bool:
    """Whether a process runs; one that was killed is soon gone, once its parent has noticed."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


async def test_the_end_does_not_wait_for_a_fit() -> None:
    pool = FitPool()
    process = await asyncio.wrap_future(pool._process)
    archive = MemoryArchive(noisy, since_seconds=0)
    history = archive.demand_history(KEY, NOW - 300_000, NOW, 30.0)
    assert not isinstance(history, Unknown)
    fit = asyncio.create_task(pool.fit(history, SPEC, range(60, 6000, 60)))
    await asyncio.sleep(0)
    assert alive(process)
    pool.close()
    with pytest.raises((BrokenExecutor, asyncio.CancelledError)):
        await fit
    await asyncio.to_thread(eventually, lambda: not alive(process))


async def test_a_fit_that_takes_too_long_is_ended_and_the_next_one_works() -> None:
    archive = MemoryArchive(noisy, since_seconds=0)
    history = archive.demand_history(KEY, NOW - 86_400, NOW, 60.0)
    assert not isinstance(history, Unknown)
    pool = FitPool(deadline_seconds=0.001)
    try:
        with pytest.raises(BrokenExecutor, match=r"longer than 0\.001 s"):
            await pool.fit(history, SPEC, LEADS)
        pool._deadline = 60.0
        done = await pool.fit(history, SPEC, LEADS)
        assert done.end_seconds == history.end_seconds
    finally:
        pool.close()
