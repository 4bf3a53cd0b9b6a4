"""The interface that every forecaster shares."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from pd_forecasting.errors import BadSeriesError, NotEnoughPointsError

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Forecast:
    """Quantiles at several horizons, in the unit of the series.

    - `horizons_steps`: bins ahead of the last bin, shape (h,).
    - `quantiles`: shares between 0 and 1, ascending, shape (q,).
    - `values`: never negative, never falling along the quantiles, shape (h, q).
    - `points`: the model's own best guess, shape (h,).
    """

    horizons_steps: tuple[int, ...]
    quantiles: tuple[float, ...]
    values: FloatArray
    points: FloatArray


class Forecaster(ABC):
    """Forecasts a load that is measured in regular bins.

    A series is a float array of shape (bins,), oldest first, of at least 0; NaN is a missing bin,
    which is never taken for zero. The forecaster counts bins only: what a bin's length is, and
    that none is left out, is its user's care.

    Life of a forecaster: `fit` on a history (slow, once in a while), `update` with the bins that
    follow (fast), `forecast` at any moment (fast). `fit` may be left out; `update` then works
    with the model's default parameters. Deterministic throughout.

    `season_bins` is how many bins a day has, or whatever the load's rhythm is; 0 where there is
    none. Models without a season ignore it.

    With `sustained_bins` above one, an odd number, quantiles are of the mean load over that many
    bins around the horizon instead of a single bin's: for a user that absorbs the noise of single
    bins by other means, and would pay for it twice.
    """

    name: ClassVar[str]
    minimum_points: ClassVar[int]
    """Known bins without which `forecast` raises `NotEnoughPointsError`."""

    bins_between_fits: ClassVar[int] = 20
    """After how many new bins `fit` is worth its time again; many where `update` learns as well."""

    def __init__(self, *, sustained_bins: int = 1, season_bins: int = 0) -> None:
        if sustained_bins < 1 or sustained_bins % 2 == 0:
            raise BadSeriesError(f"sustained bins must be an odd number, found {sustained_bins}")
        if season_bins < 0:
            raise BadSeriesError(f"a season has at least 0 bins, found {season_bins}")
        self.sustained_bins = sustained_bins
        self.season_bins = season_bins

    @abstractmethod
    def fit(self, series: FloatArray, horizons_steps: Sequence[int] = ()) -> None:
        """Learn parameters from a whole series and start anew at its end.

        `horizons_steps` are those that will be asked for: a model that learns per horizon learns
        these. Others can still be asked for.
        """

    @abstractmethod
    def update(self, series: FloatArray) -> None:
        """Append the bins of `series` to what was seen, parameters as they are."""

    @abstractmethod
    def error_vs_last_value(self, horizon_steps: int) -> float:
        """Relative MAE: mean absolute error over that of the last value, on the same origins.

        Out-of-sample errors of the bins remembered, on both sides (the MASE of Hyndman and Koehler
        2006 divides by the in-sample error of one step instead). Below 1 the model is better than
        the last value. NaN while there are too few errors to tell.
        """

    @property
    def refit_due(self) -> bool:
        """Whether the bins seen since the last `fit` ask for another, whenever the next is due."""
        return False

    @property
    def found_season_bins(self) -> float | None:
        """Period of the rhythm that the series itself showed and that is followed; None: none."""
        return None

    @property
    @abstractmethod
    def known_points(self) -> int:
        """Bins with a value among those still remembered."""

    @abstractmethod
    def _forecast(self, horizons: tuple[int, ...], quantiles: tuple[float, ...]) -> Forecast:
        """Answer a request that was found sound."""

    def forecast(self, horizons_steps: Sequence[int], quantiles: Sequence[float]) -> Forecast:
        """Quantiles (ascending shares between 0 and 1) at horizons of at least one bin.

        Raises `NotEnoughPointsError` below `minimum_points`, `BadSeriesError` for a request that
        makes no sense.
        """
        horizons, shares = tuple(horizons_steps), tuple(quantiles)
        if not horizons or min(horizons) < 1:
            raise BadSeriesError(f"horizons must be of at least one bin, found {horizons}")
        if list(shares) != sorted(shares) or not all(0 < share < 1 for share in shares):
            raise BadSeriesError(f"quantiles must ascend between 0 and 1, found {shares}")
        if self.known_points < self.minimum_points:
            raise NotEnoughPointsError(self.name, self.minimum_points, self.known_points)
        return self._forecast(horizons, shares)


def checked(series: FloatArray) -> FloatArray:
    """`series` as float64, or `BadSeriesError` for what is no load."""
    values = np.asarray(series, dtype=np.float64)
    if values.ndim != 1:
        raise BadSeriesError(f"a series has one dimension, found {values.ndim}")
    if np.isinf(values).any():
        raise BadSeriesError("a load cannot be infinite")
    if (values < 0).any():
        raise BadSeriesError("a load cannot be negative")
    return values
