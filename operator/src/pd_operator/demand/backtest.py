"""What forecasts would have been worth: a replay of the past that sees none of the future."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pd_forecasting import Hedge, LastValue, NotEnoughPointsError
from pd_operator.demand.coverage import ROUNDING, sustained_loads
from pd_operator.demand.forecast import (
    FittedSeries,
    NotEnoughHistoryError,
    make_forecaster,
    refit_bins,
    steps_to,
    sustained_bins,
)
from pd_operator.demand.lengths import FloatArray

IntArray = npt.NDArray[np.int64]

MINIMUM_ORIGINS = 20
"""Fewer forecasts than these say nothing."""


@dataclass(frozen=True)
class BacktestPlan:
    """What is replayed.

    - `model`: a value of `ForecastModel`.
    - `season_seconds`: length of the load's rhythm; 0 for none, None to have it found.
    - `horizons_seconds`: the first is the one whose experts are recorded.
    - `percentiles`: of the forecast, ascending, between 1 and 99.
    - `maximum_origins`: forecasts made, evenly spaced; every bin is seen all the same.
    - `warm_up_seconds`: history before the first forecast; a third of all where that is less.
    - `refit_seconds`: how often the model is fitted anew on all it has seen; less often where the
      operator fits it less often.
    """

    model: str
    season_seconds: float | None
    horizons_seconds: tuple[float, ...]
    percentiles: tuple[int, ...] = (5, 50, 90, 95)
    maximum_origins: int = 400
    warm_up_seconds: float = 129_600.0
    refit_seconds: float = 86_400.0


@dataclass(frozen=True)
class HorizonScore:
    """How the forecasts at one horizon did.

    - `error_vs_last_value`: relative MAE, the model's mean absolute error over that of the last
      value.
    - `error_as_used`: the same of what the operator would have acted on, which is the last value
      wherever the model had not beaten it so far.
    - `error_percent`: mean absolute error of what was acted on, in percent of the mean load (WAPE).
    - `coverage`: share of the loads at or below each percentile.
    - `trusted`: share of the origins at which the model was trusted.
    - `origins`: forecasts whose load came.
    """

    horizon_seconds: float
    error_vs_last_value: float
    error_as_used: float
    error_percent: float
    coverage: Mapping[int, float]
    trusted: float
    origins: int


@dataclass(frozen=True)
class ExpertScore:
    """What one expert of the model was worth at the first horizon.

    - `share`, `least_share`, `most_share`: of the forecast; mean and extremes over the origins.
    - `error_vs_last_value`: relative MAE of what the expert alone forecast, over the origins where
      it forecast anything.
    """

    name: str
    share: float
    least_share: float
    most_share: float
    error_vs_last_value: float


@dataclass(frozen=True, eq=False)
class SeriesBacktest:
    """All forecasts of one series; h horizons, o origins, q percentiles.

    - `seconds`: when each forecast was made, Unix time of the end of the last bin seen, (o,).
    - `own`, `used`, `last`, `actual`: the model's forecast, the one acted on, the last value and
      the load that came, (h, o); NaN where unknown. `sustained` is the load that quantiles are of.
    - `quantiles`: of what was acted on, (h, o, q). `trusted`: whether that is the model, (h, o).
    - `season_seconds`: period of the rhythm that the model had found and followed, (o,).
    - `shares`: weight of each of the model's experts at the first horizon, (o,); empty for a model
      without experts. `said`: what each alone forecast, (o,), NaN where nothing.
    """

    name: str
    plan: BacktestPlan
    bin_seconds: float
    seconds: FloatArray
    own: FloatArray
    used: FloatArray
    last: FloatArray
    actual: FloatArray
    sustained: FloatArray
    quantiles: FloatArray
    trusted: FloatArray
    season_seconds: FloatArray
    shares: Mapping[str, FloatArray] = field(default_factory=dict)
    said: Mapping[str, FloatArray] = field(default_factory=dict)

    @property
    def experts(self) -> tuple[ExpertScore, ...]:
        """Scores of those experts that ever had a share."""
        return tuple(
            self._score_of(name, shares)
            for name, shares in self.shares.items()
            if np.nanmax(shares, initial=0.0) > 0
        )

    def misses(self, expert: str) -> tuple[FloatArray, FloatArray]:
        """Absolute errors of an expert and of the last value at the first horizon, (o,) each.

        NaN where either is unknown.
        """
        own, last = (_miss(self.actual[0], said) for said in (self.said[expert], self.last[0]))
        return own + 0 * last, last + 0 * own

    @property
    def scores(self) -> tuple[HorizonScore, ...]:
        """Scores at every horizon."""
        return tuple(self._score(row) for row in range(len(self.plan.horizons_seconds)))

    def covered(self, row: int, percentile: int) -> FloatArray:
        """1 where the load at that horizon was at or below the percentile, else 0; NaN, (o,)."""
        edge = self.quantiles[row, :, self.plan.percentiles.index(percentile)]
        unknown = np.isnan(self.sustained[row] + edge)
        least = self.sustained[row] * (1 - ROUNDING)
        held: FloatArray = np.where(unknown, np.nan, least <= edge)
        return held

    def _score_of(self, expert: str, shares: FloatArray) -> ExpertScore:
        own, last = self.misses(expert)
        known = shares[~np.isnan(shares)]
        return ExpertScore(
            name=expert,
            share=_mean(shares),
            least_share=float(known.min()),
            most_share=float(known.max()),
            error_vs_last_value=_over(_mean(own), _mean(last)),
        )

    def _score(self, row: int) -> HorizonScore:
        own, used, last, actual = (a[row] for a in (self.own, self.used, self.last, self.actual))
        known = ~np.isnan(own + used + last + actual)
        mean = _mean(actual[known])
        missed, other, acted = (
            _mean(_miss(actual[known], forecast[known])) for forecast in (own, last, used)
        )
        return HorizonScore(
            horizon_seconds=self.plan.horizons_seconds[row],
            error_vs_last_value=_over(missed, other),
            error_as_used=_over(acted, other),
            error_percent=_percent(acted, mean),
            coverage={p: _mean(self.covered(row, p)) for p in self.plan.percentiles},
            trusted=_mean(self.trusted[row][known]),
            origins=int(np.count_nonzero(known)),
        )


def backtest(
    name: str,
    loads: FloatArray,
    end_seconds: float,
    bin_seconds: float,
    plan: BacktestPlan,
    advance: Callable[[], None] = lambda: None,
) -> SeriesBacktest:
    """Forecast one series from many moments of its past, each time knowing nothing later.

    `loads` are bins of `bin_seconds`, oldest first, the last of which ends at `end_seconds`; NaN
    is missing. `advance` is called after each forecast. `NotEnoughHistoryError` where fewer than
    `MINIMUM_ORIGINS` forecasts could be held against what came.
    """
    origins = origins_of(loads, bin_seconds, plan)
    steps = tuple(steps_to(horizon, bin_seconds) for horizon in plan.horizons_seconds)
    record = _Record(steps, plan.percentiles, len(origins))
    between_fits = max(refit_bins(plan.model), round(plan.refit_seconds / bin_seconds))
    fitted, seen, fitted_on = None, 0, 0
    for column, origin in enumerate(origins.tolist()):
        if fitted is None or fitted.refit_due or origin - fitted_on >= between_fits:
            forecaster = make_forecaster(plan.model, plan.season_seconds, bin_seconds)
            fitted, fitted_on = FittedSeries.fit(forecaster, loads[: origin + 1], steps), origin
        else:
            fitted = fitted.updated(loads[seen : origin + 1])
        seen = origin + 1
        record.note(column, fitted, _last_known(loads[:seen]))
        advance()
    ago: FloatArray = (len(loads) - 1 - origins).astype(np.float64) * bin_seconds
    lasting = sustained_loads(loads, sustained_bins(bin_seconds))
    return SeriesBacktest(
        name=name,
        plan=plan,
        bin_seconds=bin_seconds,
        seconds=end_seconds - ago,
        own=record.own,
        used=record.used,
        last=record.last,
        actual=_came(loads, origins, steps),
        sustained=_came(lasting, origins, steps),
        quantiles=record.quantiles,
        trusted=record.trusted,
        season_seconds=record.season_bins * bin_seconds,
        shares=record.shares,
        said=record.said,
    )


def origins_of(loads: FloatArray, bin_seconds: float, plan: BacktestPlan) -> IntArray:
    """Numbers of the last bins seen by each forecast, shape (o,).

    `NotEnoughHistoryError` where there are too few.
    """
    known = np.flatnonzero(~np.isnan(loads))
    nearest = steps_to(plan.horizons_seconds[0], bin_seconds)
    begin = int(known[0]) if len(known) else 0
    warm_up = min(plan.warm_up_seconds / bin_seconds, (len(loads) - begin) / 3)
    first = begin + max(LastValue.minimum_points, math.ceil(warm_up))
    judged = int(np.count_nonzero(known >= first + nearest))
    if judged < MINIMUM_ORIGINS:
        raise NotEnoughHistoryError(
            f"{len(known)} known bins of {bin_seconds:g} s leave {judged} forecasts to judge "
            f"{plan.horizons_seconds[0]:g} s ahead; at least {MINIMUM_ORIGINS} are needed"
        )
    end = len(loads) - nearest
    origins: IntArray = np.arange(first, end, -(-(end - first) // plan.maximum_origins))
    return origins


class _Record:
    """Forecasts as they are made, one column an origin."""

    def __init__(self, steps: tuple[int, ...], percentiles: tuple[int, ...], origins: int) -> None:
        self._steps = steps
        self._quantiles = [percentile / 100 for percentile in percentiles]
        blank = np.full((len(steps), origins), np.nan)
        self.own, self.used, self.last, self.trusted = (blank.copy() for _ in range(4))
        self.quantiles = np.full((len(steps), origins, len(percentiles)), np.nan)
        self.season_bins = np.full(origins, np.nan)
        self.shares: dict[str, FloatArray] = {}
        self.said: dict[str, FloatArray] = {}

    def note(self, column: int, fitted: FittedSeries, last_value: float) -> None:
        """Forecast every horizon; one that too little is known for stays unknown."""
        if fitted.found_season_bins is not None:
            self.season_bins[column] = fitted.found_season_bins
        for row, steps in enumerate(self._steps):
            selected = fitted.selected(steps)
            try:
                acted = selected.forecast([steps], self._quantiles)
                own = fitted.model.forecast([steps], [0.5])
            except NotEnoughPointsError:
                continue
            self.own[row, column], self.used[row, column] = own.points[0], acted.points[0]
            self.quantiles[row, column] = acted.values[0]
            self.last[row, column] = last_value
            self.trusted[row, column] = fitted.trusted(steps)
        if isinstance(fitted.model, Hedge):
            for expert, shares in fitted.model.weights(self._steps[0]).items():
                _held(self.shares, expert, self.own.shape[1])[column] = shares[-1]
            for expert, said in fitted.model.said_by_experts(self._steps[0]).items():
                _held(self.said, expert, self.own.shape[1])[column] = said


def _held(arrays: dict[str, FloatArray], name: str, count: int) -> FloatArray:
    """The array of that name; one of NaN where there is none yet."""
    return arrays.setdefault(name, np.full(count, np.nan))


def _came(loads: FloatArray, origins: IntArray, steps: tuple[int, ...]) -> FloatArray:
    """The load that each forecast was of, (h, o); NaN where it is still to come."""
    targets = origins + np.array(steps)[:, None]
    known = targets < len(loads)
    came: FloatArray = np.where(known, loads[np.where(known, targets, 0)], np.nan)
    return came


def _last_known(loads: FloatArray) -> float:
    known = np.flatnonzero(~np.isnan(loads))
    return float(loads[known[-1]]) if len(known) else math.nan


def _miss(actual: FloatArray, forecast: FloatArray) -> FloatArray:
    """Absolute errors; what rounding alone makes of them is none."""
    miss: FloatArray = np.abs(actual - forecast)
    return np.where(miss > ROUNDING * np.abs(actual), miss, 0.0)


def _mean(values: FloatArray) -> float:
    """Mean of what is known; NaN where nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def _percent(loss: float, mean: float) -> float:
    """`loss` in percent of the mean load; no loss is none of any load, even of an idle one."""
    return 0.0 if loss == 0 else 100 * _over(loss, mean)


def _over(error: float, other: float) -> float:
    """`error / other`; equal errors of nothing are 1."""
    if other > 0:
        return error / other
    return 1.0 if error == 0 == other else (math.inf if error > 0 else math.nan)
