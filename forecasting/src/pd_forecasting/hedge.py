"""The default forecaster: an ensemble of experts, weighted by their own recent errors."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from pd_forecasting.base import FloatArray, checked
from pd_forecasting.experts import EXPERTS, FOUND_SEASON, FittedExperts
from pd_forecasting.horizon_ensembles import HorizonEnsembles
from pd_forecasting.margins import MINIMUM_ERRORS
from pd_forecasting.observed_series import ObservedSeries
from pd_forecasting.season_watch import SeasonWatch
from pd_forecasting.seasonal_level import SeasonalLevel
from pd_forecasting.self_scoring import JUDGED_BINS, SelfScoring
from pd_forecasting.series_memory import SeriesMemory
from pd_forecasting.yesterday import YesterdayArima

_SEASONS_REMEMBERED = 4
"""One more than the regression looks back (`regression.DAYS`), for the change over a lead time."""

_LEADS = 0.5
"""Share of the forecast from which on an expert leads."""

_MAXIMUM_HORIZONS = 12
"""Horizons kept: two pools' lead times with their neighbors, twice over."""


class Hedge(SelfScoring):
    """Last value, averages, earlier days' change, regressions, an ARIMA and a season, weighted.

    At every horizon asked, the weight of an expert comes from its own recent errors at that horizon
    (see `ExpertLosses`): the last value leads where nothing beats it, a regression where it has
    proved itself. Works on the square root of the load, which makes the noise of counts even.

    Not the exponential-weights Hedge of Freund and Schapire (1997): a weight there falls
    exponentially with the expert's summed loss, here it is a power of its discounted mean loss
    (Stock and Watson 2004, after Bates and Granger 1969), and an expert must first beat the last
    value beyond chance (Diebold and Mariano 1995).

    The ARIMA has yesterday's load as regressor (see `YesterdayArima`): `fit` lets statsmodels fit
    it, `update` runs it on. All else is learned as the bins come in; `fit` starts it anew. The
    first question about a horizon costs a run over all that is remembered.

    With `longest_season_bins` above 0, periods of up to so many bins are looked for in the series
    (see `SeasonWatch`). `fit` makes an expert for the one in force (see `SeasonalLevel`), and
    `update` says when that is another: `refit_due`. Errors that were made before that expert first
    led count no more, once there are enough others: they say nothing of a forecaster that knows the
    season.
    """

    name: ClassVar[str] = "Hedge"
    minimum_points: ClassVar[int] = 5
    bins_between_fits: ClassVar[int] = 1440

    def __init__(
        self,
        *,
        sustained_bins: int = 1,
        season_bins: int = 0,
        longest_season_bins: float = 0.0,
    ) -> None:
        super().__init__(sustained_bins=sustained_bins, season_bins=season_bins)
        self._memory = SeriesMemory.nothing(season_bins)
        self._ensembles = HorizonEnsembles.none(sustained_bins)
        self._experts = FittedExperts()
        self._watch = SeasonWatch(longest_season_bins)

    @property
    def _memory_bins(self) -> int:
        return max(JUDGED_BINS, _SEASONS_REMEMBERED * self.season_bins)

    def fit(self, series: FloatArray, horizons_steps: Sequence[int] = ()) -> None:
        """Start anew with a whole series, and follow the experts at `horizons_steps`."""
        observed = ObservedSeries.nothing().extended(np.sqrt(checked(series)))
        memory = SeriesMemory.nothing(self.season_bins).extended(observed)
        self._watch = SeasonWatch(self._watch.longest_bins).extended(observed.trusted)
        self._experts = FittedExperts(
            YesterdayArima.fitted(memory, observed),
            SeasonalLevel.fitted(observed, self._watch.season),
        )
        horizons = sorted(set(horizons_steps))
        self._ensembles = self._made(memory, horizons).latest(self._memory_bins)
        self._memory = memory.latest(self._memory_bins)
        self._observed = observed.newest(self._memory_bins)

    def update(self, series: FloatArray) -> None:
        """Append the bins of `series`."""
        observed = self._observed.extended(np.sqrt(checked(series)))
        news = observed.newest(len(series))
        memory = self._memory.extended(news)
        self._watch = self._watch.extended(news.trusted)
        self._experts = FittedExperts(
            self._experts.arima.extended(memory, news), self._experts.season.extended(news)
        )
        ensembles = self._ensembles.extended(memory, len(series), self._experts)
        self._ensembles = ensembles.latest(self._memory_bins)
        self._memory = memory.latest(self._memory_bins)
        self._observed = observed.newest(self._memory_bins)

    @property
    def found_season_bins(self) -> float | None:
        """Period of the rhythm that the series itself showed and that is followed; None: none."""
        season = self._experts.season
        return None if season.run is None or season.season is None else season.season.period_bins

    @property
    def refit_due(self) -> bool:
        """Whether another season is in force than the one fitted for."""
        return self._watch.season != self._experts.season.season

    def _comparable_bins(self, steps: int) -> int:
        led = self._shares(steps)[EXPERTS.index(FOUND_SEASON)] >= _LEADS
        since = int(len(led) - led.argmax()) if led.any() else 0
        # Too few tell nothing, and a forecaster that nothing is known of would not be trusted.
        enough = since >= steps + MINIMUM_ERRORS
        return since if enough else super()._comparable_bins(steps)

    @property
    def _errors_to_compare(self) -> int:
        # A season is in force because it forecast better than the last value already.
        return super()._errors_to_compare if self.found_season_bins is None else MINIMUM_ERRORS

    def _followed(self, steps: int) -> FloatArray:
        followed: FloatArray = self._ensembles_with(steps).combined[self._place(steps)]
        return followed

    def weights(self, horizon_steps: int) -> dict[str, FloatArray]:
        """Each expert's share of the forecast at each of the newest bins, shape (n,)."""
        return dict(zip(EXPERTS, self._shares(horizon_steps), strict=True))

    def said_by_experts(self, horizon_steps: int) -> dict[str, float]:
        """What each expert alone forecasts from the newest bin; NaN where it forecasts nothing."""
        newest = self._ensembles_with(horizon_steps).pending[self._place(horizon_steps), :, -1]
        return dict(zip(EXPERTS, (newest**2).tolist(), strict=True))

    def _shares(self, steps: int) -> FloatArray:
        shares: FloatArray = self._ensembles_with(steps).shares[self._place(steps)]
        return shares

    def _place(self, steps: int) -> int:
        return self._ensembles.steps.index(steps)

    def _ensembles_with(self, steps: int) -> HorizonEnsembles:
        """The records with that horizon; made of what is remembered where there is none."""
        if steps not in self._ensembles.steps:
            made = self._made(self._memory, [steps]).latest(self._memory_bins)
            self._ensembles = self._ensembles.newest(_MAXIMUM_HORIZONS - 1).joined(made)
        return self._ensembles

    def _made(self, memory: SeriesMemory, horizons: Sequence[int]) -> HorizonEnsembles:
        return HorizonEnsembles.of(memory, horizons, self.sustained_bins, self._experts)
