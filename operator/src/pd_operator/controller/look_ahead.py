"""One service's demand history, and the forecaster fitted to it off the tick."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from pd_operator.api.autoscaling import ForecastSpec
from pd_operator.api.names import ServiceKey
from pd_operator.api.roles import Role
from pd_operator.demand import (
    Demand,
    DemandForecast,
    DemandHistory,
    FittedDemand,
    NotEnoughHistory,
    fit_demand,
)
from pd_operator.scaling.observation import Unknown
from pd_operator.telemetry.prometheus import PrometheusReader

SECONDS_PER_DAY = 86_400
# Late scrapes still change the newest bins, so these are read again.
BINS_READ_AGAIN = 2
REFIT_BINS = 20
FIT_DEADLINE_SECONDS = 60.0

log = logging.getLogger(__name__)


class FitPool:
    """Fits forecasters in a process of its own: a fit takes the CPU that ticks need."""

    def __init__(self) -> None:
        self._pool = self._fresh()

    async def fit(
        self, history: DemandHistory, spec: ForecastSpec, horizons_seconds: Sequence[float]
    ) -> FittedDemand:
        """Fit the model that ``spec`` asks for; ``TimeoutError`` where it takes too long."""
        loop = asyncio.get_running_loop()
        work = partial(
            fit_demand,
            history,
            spec.model.value,
            season_seconds=spec.season_seconds,
            horizons_seconds=horizons_seconds,
        )
        async with asyncio.timeout(FIT_DEADLINE_SECONDS):
            try:
                return await loop.run_in_executor(self._pool, work)
            except BrokenExecutor:
                self._pool = self._fresh()
                raise

    def close(self) -> None:
        """End the process, also in the middle of a fit."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    @staticmethod
    def _fresh() -> ProcessPoolExecutor:
        # Spawned, not forked: the operator runs threads and holds connections.
        return ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"))


class LookAhead:
    """History and forecaster of one service. A fit that fails or is late leaves the last good."""

    def __init__(self, key: ServiceKey, fits: FitPool) -> None:
        self._key = key
        self._fits = fits
        self._history: DemandHistory | None = None
        self._fitted: FittedDemand | None = None
        self._wanted: ForecastSpec | None = None
        self._fit: asyncio.Task[None] | None = None
        self._fitted_end = 0.0
        self._fault: str | None = None

    async def refresh(
        self,
        reader: PrometheusReader,
        spec: ForecastSpec,
        now: float,
        horizons_seconds: Sequence[float],
    ) -> None:
        """Read the bins that ended since the last time, and refit where one is due.

        ``horizons_seconds`` are those that will be asked for.
        """
        if spec != self._wanted:
            self._forget(spec)
        await self._read(reader, spec, now)
        if self._history is None:
            return
        if self._fitted is not None:
            self._fitted = self._fitted.updated(self._history)
        due = self._history.end_seconds - self._fitted_end >= REFIT_BINS * spec.resolution_seconds
        if (self._fitted is None or due) and (self._fit is None or self._fit.done()):
            refit = self._refit(self._history, spec, horizons_seconds)
            self._fit = asyncio.create_task(refit)

    def forecast(
        self, role: Role, horizon_seconds: float, spec: ForecastSpec, shape: Demand
    ) -> DemandForecast | Unknown:
        """The pool's load ``horizon_seconds`` ahead; ``shape`` gives the length distributions."""
        if self._fitted is None:
            return self._none("The forecaster is being fitted.")
        try:
            return self._fitted.forecast(role, horizon_seconds, spec.quantile_percent, shape)
        except NotEnoughHistory as error:
            return self._none(str(error))

    def close(self) -> None:
        """Give up a running fit."""
        if self._fit is not None:
            self._fit.cancel()

    def _none(self, otherwise: str) -> Unknown:
        return Unknown("NotEnoughHistory", "forecast", self._fault or otherwise)

    def _forget(self, spec: ForecastSpec) -> None:
        self.close()
        self._history, self._fitted, self._fit, self._wanted = None, None, None, spec
        self._fitted_end = 0.0

    async def _read(self, reader: PrometheusReader, spec: ForecastSpec, now: float) -> None:
        step = spec.resolution_seconds
        end = now // step * step
        oldest = end - spec.history_days * SECONDS_PER_DAY
        known = self._history
        start = known.end_seconds - BINS_READ_AGAIN * step if known else oldest
        if end <= start or (known and end <= known.end_seconds):
            return
        newer = await asyncio.to_thread(reader.demand_history, self._key, start, end, step)
        if isinstance(newer, Unknown):
            self._fault = newer.message
            return
        self._history = known.extended_with(newer).since(oldest) if known else newer

    async def _refit(
        self, history: DemandHistory, spec: ForecastSpec, horizons_seconds: Sequence[float]
    ) -> None:
        self._fitted_end = history.end_seconds
        try:
            fitted = await self._fits.fit(history, spec, horizons_seconds)
        except NotEnoughHistory as error:
            self._fault = str(error)
        except (TimeoutError, BrokenExecutor, ValueError, ArithmeticError) as error:
            self._fault = f"The fit failed: {error or type(error).__name__}."
            log.warning("fit of %s failed; the last good one stays", self._key, exc_info=error)
        else:
            self._fitted, self._fault = fitted, None
