"""What one service's load will be: its history, its forecaster, and how well that has done."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import BrokenExecutor

from pd_operator.api.autoscaling import ForecastSpec
from pd_operator.api.names import ServiceKey
from pd_operator.api.roles import Role
from pd_operator.controller.tick.fit_pool import FitPool
from pd_operator.controller.tick.followed_demand import FollowedDemand
from pd_operator.controller.tick.history_reader import BINS_READ_AGAIN, HistoryReader, HistorySource
from pd_operator.demand import (
    Coverage,
    CoverageTracker,
    DemandForecast,
    DemandHistory,
    FittedDemand,
    NotEnoughHistoryError,
    refit_bins,
    sustained_bins,
    sustained_loads,
)
from pd_operator.scaling.observation import Unknown

MAXIMUM_BINS_FITTED, MINIMUM_BINS_FITTED = 20_160, 720
"""Two weeks of minutes. Fewer, the newest ones, where a fit on so many took too long."""


log = logging.getLogger(__name__)


class ServiceForecaster:
    """History and forecaster of one service. A fit that fails or is late leaves the last good.

    A forecaster is never changed in place: `_followed` is the last good fit with what came since.
    """

    def __init__(self, key: ServiceKey, fits: FitPool) -> None:
        self._key = key
        self._fits = fits
        self._fit: asyncio.Task[None] | None = None
        self._forget(ForecastSpec())

    async def refresh(
        self,
        archive: HistorySource,
        spec: ForecastSpec,
        now: float,
        horizons_seconds: Sequence[float],
    ) -> None:
        """Read the bins that ended since the last time, and refit where one is due.

        `horizons_seconds` are those that will be asked for.
        """
        if spec != self._spec:
            self._forget(spec)
        before = self._past.history
        await self._past.read(archive, now)
        history = self._past.history
        if history is None:
            return
        if history is not before:
            self._see(history)
        idle = self._fit is None or self._fit.done()
        if idle and self._due(history, horizons_seconds):
            self._fit = asyncio.create_task(self._refit(history, horizons_seconds))

    @property
    def fitted(self) -> FittedDemand | Unknown:
        """The forecaster with every bin seen that was read, or why there is none yet."""
        if self._followed is None:
            why = self._past.fault or self._fault or "The forecaster is being fitted."
            return Unknown("NotEnoughHistory", "forecast", why)
        return self._followed.newest

    def expect(self, made: Mapping[Role, DemandForecast]) -> None:
        """Remember forecasts of `fitted`, to hold them against what will come."""
        if self._followed is None:
            return
        fitted = self._followed.newest
        last = fitted.end_seconds / fitted.bin_seconds
        for role, forecast in made.items():
            target = round(last + fitted.steps(forecast.horizon_seconds))
            self._trackers[role].expect(target, forecast.tokens_per_second)

    @property
    def coverage(self) -> dict[Role, Coverage]:
        """How often each pool's loads were within its forecasts' quantiles."""
        return {role: tracker.coverage for role, tracker in self._trackers.items()}

    def close(self) -> None:
        """Give up a running fit."""
        if self._fit is not None:
            self._fit.cancel()

    def _forget(self, spec: ForecastSpec) -> None:
        self.close()
        self._spec = spec
        self._past = HistoryReader(self._key, spec)
        self._followed: FollowedDemand | None = None
        self._fit = None
        self._fitted_on: DemandHistory | None = None
        self._maximum_bins = MAXIMUM_BINS_FITTED
        self._fault: str | None = None
        self._trackers = {role: CoverageTracker() for role in Role}

    def _see(self, history: DemandHistory) -> None:
        """Show the bins that are new to forecaster and trackers."""
        step = history.bin_seconds
        sure = history.until(history.end_seconds - BINS_READ_AGAIN * step)
        if self._followed is not None:
            self._followed = self._followed.shown(history)
        first = round(sure.start_seconds / step) + 1
        for role, loads in (
            (Role.PREFILL, sure.prompt_tokens_per_second),
            (Role.DECODE, sure.output_tokens_per_second),
        ):
            self._trackers[role].settle(first, sustained_loads(loads, sustained_bins(step)))

    def _due(self, history: DemandHistory, horizons_seconds: Sequence[float]) -> bool:
        """Whether there is no fit yet, or too many new bins, older bins, or other lead times.

        Or a season that the fit does not know.
        """
        seen = self._fitted_on
        if seen is None or self._followed is None:
            return seen is not history
        fitted = self._followed.newest
        newer_bins = (history.end_seconds - seen.end_seconds) / history.bin_seconds
        older = history.start_seconds < seen.start_seconds and self._past.complete
        asked = not fitted.learned(horizons_seconds) or fitted.refit_due
        refit = newer_bins >= refit_bins(self._spec.model)
        return refit or older or (asked and newer_bins >= 1)

    async def _refit(self, history: DemandHistory, horizons_seconds: Sequence[float]) -> None:
        self._fitted_on = history
        newest = history.since(history.end_seconds - self._maximum_bins * history.bin_seconds)
        try:
            fitted = await self._fits.fit(newest, self._spec, horizons_seconds)
        except NotEnoughHistoryError as error:
            self._fault = str(error)
        except (BrokenExecutor, ValueError, ArithmeticError) as error:
            self._fault = f"The fit failed: {error or type(error).__name__}."
            log.warning("fit of %s failed; the last good one stays", self._key, exc_info=error)
            if isinstance(error, BrokenExecutor):
                self._maximum_bins = max(MINIMUM_BINS_FITTED, len(newest) // 2)
        else:
            self._followed, self._fault = FollowedDemand.fitted(fitted), None
            if self._past.history is not None:
                self._see(self._past.history)
