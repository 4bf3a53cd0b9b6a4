"""What will be asked of a service, as quantiles, at the time when a change can take effect."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pd_forecasting import (
    DampedTrend,
    Ewma,
    Forecast,
    Forecaster,
    HarmonicRegression,
    Hedge,
    LastValue,
    NotEnoughPointsError,
    Sarimax,
    UnobservedComponents,
)
from pd_operator.api.autoscaling import ForecastModel
from pd_operator.api.roles import Role
from pd_operator.demand.demand import Demand
from pd_operator.demand.history import DemandHistory
from pd_operator.demand.lengths import FloatArray, LengthDistribution

_MODELS: dict[ForecastModel, type[Forecaster]] = {
    ForecastModel.HEDGE: Hedge,
    ForecastModel.EWMA: Ewma,
    ForecastModel.DAMPED_TREND: DampedTrend,
    ForecastModel.SARIMAX: Sarimax,
    ForecastModel.UNOBSERVED_COMPONENTS: UnobservedComponents,
    ForecastModel.HARMONIC_REGRESSION: HarmonicRegression,
    ForecastModel.LAST_VALUE: LastValue,
}
_LOW, _MEDIAN = 0.05, 0.5
SUSTAINED_SECONDS = 30.0
"""Pools are sized for loads that last about this long.

What a single short bin has more than its neighbors is the chance of arrivals, which the plan's
queueing formulas allow for already; a quantile of single bins would pay for it twice.
"""

HIGHEST_OVER_SEEN = 1.2
"""No forecast is higher than this multiple of the highest load that was ever sustained.

A trend that is drawn on, or errors made while a load climbed, else ask for twice what was ever
seen; the present load and the queues speak for what is really new.
"""

RELEASE_PERCENT = 90
"""No worker goes that the load to come may still need: this percentile of it.

With the percentile that workers are ordered by, a pool near the edge of a worker goes to and fro.
Found on the training loads of the policy lab: 90 halves the reversals of the Azure days.
"""

DAY_SECONDS = 86_400.0
"""The season of every load of which nothing else was said."""

LONGEST_FOUND_SECONDS = DAY_SECONDS / 8
"""Of the rhythms looked for in a history: longer ones are part of the day's own shape."""

_LARGEST_CHANGE_OF_LENGTH = 3.0
"""Mean lengths are not forecast to change by more than this factor within one lead time."""


class NotEnoughHistoryError(ValueError):
    """Too few bins were measured to forecast from. The message says how many are needed."""


@dataclass(frozen=True)
class QuantileBand:
    """The 5th and the 50th percentile, and the percentile that was asked for."""

    low: float
    median: float
    high: float


@dataclass(frozen=True)
class DemandForecast:
    """The load of one pool, `horizon_seconds` from the end of the history.

    - `demand`: the load to size for: its rate is such that the pool's own tokens per second
      (prompt for prefill, output for decode) are at the quantile `quantile_percent`.
    - `requests_per_second`, `tokens_per_second`: bands of rate and of the pool's own tokens.
    - `model`: the forecaster that the figures come from.
    - `error_vs_last_value`: relative MAE at this horizon, the model's mean absolute error over that
      of the last value; NaN before there are errors to compare.
    - `trusted`: whether the figures are the asked model's. Where it does not beat the last value,
      they are the last value's own, with its own quantiles.
    - `found_season_seconds`: period of the rhythm that the pool's tokens showed and that the model
      follows; None where it follows none.
    """

    horizon_seconds: float
    quantile_percent: int
    demand: Demand
    requests_per_second: QuantileBand
    tokens_per_second: QuantileBand
    model: str
    error_vs_last_value: float
    trusted: bool
    found_season_seconds: float | None = None


@dataclass(frozen=True, eq=False)
class FittedSeries:
    """The model asked for on one series, and the last value for where that is no better.

    `highest`: the highest load that was sustained in the series.
    """

    model: Forecaster
    last_value: LastValue
    highest: float = 0.0
    _newest: FloatArray = field(default_factory=lambda: np.empty(0), repr=False)
    _bands: dict[tuple[int, int], QuantileBand] = field(
        default_factory=dict, init=False, repr=False
    )

    @classmethod
    def fit(
        cls, model: Forecaster, series: FloatArray, horizons_steps: tuple[int, ...]
    ) -> "FittedSeries":
        """Fit `model` and the last value on a whole series."""
        last_value = LastValue(sustained_bins=model.sustained_bins)
        model.fit(series, horizons_steps)
        last_value.fit(series, horizons_steps)
        return cls(model, last_value)._having_seen(series)

    def updated(self, bins: FloatArray) -> "FittedSeries":
        """The same, with more bins seen.

        Forecasters put new arrays in the place of old ones and change none, so a shallow copy is
        all that keeps this one as it is.
        """
        model, last_value = copy.copy(self.model), copy.copy(self.last_value)
        model.update(bins)
        last_value.update(bins)
        return FittedSeries(model, last_value, self.highest, self._newest)._having_seen(bins)

    def _having_seen(self, bins: FloatArray) -> "FittedSeries":
        """The same, with the highest load sustained until the end of these bins."""
        width = self.model.sustained_bins
        known = np.concatenate([self._newest, bins])
        if len(known) >= width:
            means = np.convolve(known, np.full(width, 1 / width), mode="valid")
            highest = float(np.nanmax(means, initial=self.highest))
        else:
            highest = self.highest
        newest = known[len(known) - (width - 1) :] if width > 1 else np.empty(0)
        return FittedSeries(self.model, self.last_value, highest, newest)

    @property
    def refit_due(self) -> bool:
        """Whether the model should be fitted anew: see `Forecaster.refit_due`."""
        return self.model.refit_due

    @property
    def found_season_bins(self) -> float | None:
        """Period of the rhythm that the model found in the series; None where it follows none."""
        return self.model.found_season_bins

    def error(self, steps: int) -> float:
        """Relative MAE of the model at that horizon; NaN where it cannot be told."""
        return self.model.error_vs_last_value(steps)

    def trusted(self, steps: int) -> bool:
        """Whether the model may speak: it is the last value itself, or it beats it."""
        return isinstance(self.model, LastValue) or self.error(steps) < 1.0

    def band(self, steps: int, quantile_percent: int) -> QuantileBand:
        """Quantiles of whichever of the two may speak; reckoned once.

        A tick asks for `RELEASE_PERCENT` as well, which costs little beside the other.
        """
        asked = (steps, quantile_percent)
        if asked not in self._bands:
            self._bands.update(self._reckoned(steps, {quantile_percent, RELEASE_PERCENT}))
        return self._bands[asked]

    def selected(self, steps: int) -> Forecaster:
        """Which of the two may speak at that horizon."""
        return self.model if self.trusted(steps) else self.last_value

    def _reckoned(self, steps: int, percents: set[int]) -> dict[tuple[int, int], QuantileBand]:
        shares = sorted({_LOW, _MEDIAN, *(percent / 100 for percent in percents)})
        forecast: Forecast = self.selected(steps).forecast([steps], shares)
        most = HIGHEST_OVER_SEEN * self.highest if self.highest > 0 else math.inf
        values = np.minimum(forecast.values[0], most)
        at = dict(zip(shares, values.tolist(), strict=True))
        return {
            (steps, percent): QuantileBand(at[_LOW], at[_MEDIAN], at[percent / 100])
            for percent in percents
        }


@dataclass(frozen=True, eq=False)
class FittedDemand:
    """Forecasters of request rate and of both token rates, fitted on one history.

    Token rates are forecast themselves, since lengths move as fast as the rate does; the mean
    lengths of a forecast are what its token and request rates imply. Can be pickled.
    """

    bin_seconds: float
    end_seconds: float
    horizons_steps: tuple[int, ...]
    requests: FittedSeries
    prompt_tokens: FittedSeries
    output_tokens: FittedSeries

    @property
    def refit_due(self) -> bool:
        """Whether a forecaster has learned from its bins that it should be fitted anew."""
        return any(one.refit_due for one in (self.requests, self.prompt_tokens, self.output_tokens))

    def steps(self, horizon_seconds: float) -> int:
        """Bins from the history's end to the one that the horizon lies in; at least one."""
        return steps_to(horizon_seconds, self.bin_seconds)

    def nearest_learned(self, horizon_seconds: float) -> float:
        """The horizon itself where the fit was made for it or for none, else the nearest one."""
        asked = self.steps(horizon_seconds)
        if asked in self.horizons_steps or not self.horizons_steps:
            return horizon_seconds
        nearest = min(self.horizons_steps, key=lambda steps: abs(steps - asked))
        return nearest * self.bin_seconds

    def learned(self, horizons_seconds: Sequence[float]) -> bool:
        """Whether the fit was made for these horizons."""
        return all(self.steps(seconds) in self.horizons_steps for seconds in horizons_seconds)

    def updated(self, history: DemandHistory) -> "FittedDemand":
        """The same, with those bins of `history` seen that end after `end_seconds`.

        `ValueError` where the history's bins do not lie on those of the one fitted.
        """
        if history.bin_seconds != self.bin_seconds:
            raise ValueError(
                f"bins of {history.bin_seconds} s do not extend bins of {self.bin_seconds} s"
            )
        newer = history.after(self.end_seconds)
        if len(newer) == 0:
            return self
        return replace(
            self,
            end_seconds=newer.end_seconds,
            requests=self.requests.updated(newer.requests_per_second),
            prompt_tokens=self.prompt_tokens.updated(newer.prompt_tokens_per_second),
            output_tokens=self.output_tokens.updated(newer.output_tokens_per_second),
        )

    def forecast(
        self, role: Role, horizon_seconds: float, quantile_percent: int, shape: Demand
    ) -> DemandForecast:
        """The load of one pool, `horizon_seconds` after the history's end, rounded up to bins.

        `shape` is the present demand: how lengths are spread around their mean, and how bursty
        arrivals are. `NotEnoughHistoryError` where too few bins are known.
        """
        steps = self.steps(horizon_seconds)
        own = self.prompt_tokens if role is Role.PREFILL else self.output_tokens
        try:
            requests = self.requests.band(steps, quantile_percent)
            prompt = self.prompt_tokens.band(steps, quantile_percent)
            output = self.output_tokens.band(steps, quantile_percent)
        except NotEnoughPointsError as error:
            raise NotEnoughHistoryError(
                f"a forecast needs {error.needed} measured bins of {self.bin_seconds:g} s, "
                f"there are {error.known}"
            ) from error
        tokens = prompt if role is Role.PREFILL else output
        trusted, season = own.trusted(steps), own.found_season_bins
        return DemandForecast(
            horizon_seconds=horizon_seconds,
            quantile_percent=quantile_percent,
            demand=_demand(role, requests, prompt, output, shape),
            requests_per_second=requests,
            tokens_per_second=tokens,
            model=own.model.name if trusted else LastValue.name,
            error_vs_last_value=own.error(steps),
            trusted=trusted,
            found_season_seconds=None if season is None else season * self.bin_seconds,
        )


def fit_demand(
    history: DemandHistory,
    model: str,
    *,
    season_seconds: float | None = 0.0,
    horizons_seconds: Sequence[float] = (),
) -> FittedDemand:
    """Fit forecasters of `history`; seconds of work, meant for another process.

    `model` is a value of `ForecastModel`. `season_seconds` is the length of the load's rhythm; it
    counts where it is a whole number of at least two bins. None: a day, and whatever shorter rhythm
    the history shows. `horizons_seconds` are those that will be asked for: they, and one bin more
    and less, are learned best. `NotEnoughHistoryError` where not even the last value has the bins
    it needs.
    """
    series = (
        history.requests_per_second,
        history.prompt_tokens_per_second,
        history.output_tokens_per_second,
    )
    known = min(int(np.count_nonzero(~np.isnan(one))) for one in series)
    if known < LastValue.minimum_points:
        raise NotEnoughHistoryError(
            f"a forecast needs {LastValue.minimum_points} measured bins of "
            f"{history.bin_seconds:g} s, there are {known}"
        )
    horizons = _horizons(horizons_seconds, history.bin_seconds)
    requests, prompt_tokens, output_tokens = (
        FittedSeries.fit(make_forecaster(model, season_seconds, history.bin_seconds), one, horizons)
        for one in series
    )
    return FittedDemand(
        history.bin_seconds, history.end_seconds, horizons, requests, prompt_tokens, output_tokens
    )


def refit_bins(model: str) -> int:
    """After how many new bins the forecaster called `model` is fitted anew."""
    return _MODELS[ForecastModel(model)].bins_between_fits


def make_forecaster(model: str, season_seconds: float | None, bin_seconds: float) -> Forecaster:
    """The forecaster called `model` (a value of `ForecastModel`) of bins of `bin_seconds`.

    `season_seconds` as in `fit_demand`.
    """
    made, sustained = _MODELS[ForecastModel(model)], sustained_bins(bin_seconds)
    if season_seconds is not None:
        season = _season_bins(season_seconds, bin_seconds)
        return made(sustained_bins=sustained, season_bins=season)
    day = _season_bins(DAY_SECONDS, bin_seconds)
    if issubclass(made, Hedge):
        longest = LONGEST_FOUND_SECONDS / bin_seconds
        return made(sustained_bins=sustained, season_bins=day, longest_season_bins=longest)
    return made(sustained_bins=sustained, season_bins=day)


def sustained_bins(bin_seconds: float) -> int:
    """The odd number of bins, at least one, that last up to `SUSTAINED_SECONDS`."""
    whole = max(1, math.floor(SUSTAINED_SECONDS / bin_seconds))
    return whole if whole % 2 else whole - 1


def steps_to(horizon_seconds: float, bin_seconds: float) -> int:
    """Whole bins that reach at least as far as the horizon."""
    return max(1, math.ceil(horizon_seconds / bin_seconds - 1e-9))


def _horizons(horizons_seconds: Sequence[float], bin_seconds: float) -> tuple[int, ...]:
    """The horizons in bins with their neighbors: a lead time that is measured moves a little."""
    asked = (steps_to(seconds, bin_seconds) for seconds in horizons_seconds)
    return tuple(sorted({max(1, steps + beside) for steps in asked for beside in (-1, 0, 1)}))


def _season_bins(season_seconds: float, bin_seconds: float) -> int:
    """Bins of a season; 0 where it is no whole number of at least two."""
    bins = round(season_seconds / bin_seconds)
    return bins if bins >= 2 and math.isclose(bins * bin_seconds, season_seconds) else 0


def _demand(
    role: Role, requests: QuantileBand, prompt: QuantileBand, output: QuantileBand, shape: Demand
) -> Demand:
    """The demand whose tokens of the role's own kind are at the upper quantile."""
    prompt_mean = _mean_length(prompt, requests, shape.prompt_tokens)
    output_mean = _mean_length(output, requests, shape.output_tokens)
    own, length = (prompt, prompt_mean) if role is Role.PREFILL else (output, output_mean)
    context = shape.context_tokens_mean
    if context is not None:
        present = shape.prompt_tokens.mean + shape.output_tokens.mean
        context *= (prompt_mean + output_mean) / present if present > 0 else 1.0
    return replace(
        shape,
        requests_per_second=own.high / length if length > 0 else requests.high,
        prompt_tokens=shape.prompt_tokens.mixed_to_mean(prompt_mean),
        output_tokens=shape.output_tokens.mixed_to_mean(output_mean),
        context_tokens_mean=context,
    )


def _mean_length(
    tokens: QuantileBand, requests: QuantileBand, present: LengthDistribution
) -> float:
    """Mean length that the medians of tokens and requests imply, near the present one."""
    if not (tokens.median > 0 and requests.median > 0):
        return present.mean
    implied = tokens.median / requests.median
    return min(
        max(implied, present.mean / _LARGEST_CHANGE_OF_LENGTH),
        present.mean * _LARGEST_CHANGE_OF_LENGTH,
    )
