"""What the forecasters share whose linear model statsmodels fits."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from pd_forecasting.base import FloatArray, checked
from pd_forecasting.kalman import Filtered, LinearModel
from pd_forecasting.observed_series import ObservedSeries
from pd_forecasting.self_scoring import SelfScoring

_SIGNAL_TO_NOISE = 0.1
"""Of the local level that stands in for a model that was not fitted, or could not be."""


class StateSpace(SelfScoring):
    """Fits a linear model on the newest bins, and runs our own filter with its matrices.

    So the process that fits needs statsmodels, and the one that ticks does not. A fit that fails
    leaves the model as it was.
    """

    memory_bins: ClassVar[int] = 1440
    """Bins that errors are taken from: a day of minutes."""

    fit_bins: ClassVar[int] = 720
    """Newest bins that are fitted: what a load was like days ago says little of its noise now."""

    def __init__(self, *, sustained_bins: int = 1, season_bins: int = 0) -> None:
        super().__init__(sustained_bins=sustained_bins, season_bins=season_bins)
        self._run = Filtered.nothing(LinearModel.local_level(_SIGNAL_TO_NOISE))

    @abstractmethod
    def _fitted(self, scaled: FloatArray) -> LinearModel | None:
        """The model of a series whose known bins have mean one; None where none was found."""

    def _followed(self, steps: int) -> FloatArray:
        followed: FloatArray = np.maximum(self._run.ahead(steps), 0.0)
        return followed

    def fit(self, series: FloatArray, horizons_steps: Sequence[int] = ()) -> None:
        """Learn the model from the newest bins of a series and start anew at its end."""
        del horizons_steps
        self._start_anew(ObservedSeries.nothing().extended(np.sqrt(checked(series))))

    def update(self, series: FloatArray) -> None:
        """Append the bins of `series`; those older than `memory_bins` are forgotten."""
        self._extend(self._observed.extended(np.sqrt(checked(series))))

    def _start_anew(self, observed: ObservedSeries) -> None:
        model = self._model_of(observed.newest(self.fit_bins).of_this_level)
        self._run = Filtered.nothing(self._run.model if model is None else model)
        self._run = self._filtered(observed.newest(2 * self.memory_bins))
        self._observed = observed.newest(self.memory_bins)

    def _model_of(self, level: ObservedSeries) -> LinearModel | None:
        """The model of the bins of one level; None where they are too few, or all alike.

        Bins of the level before would be fitted as the noise of this one. And of bins that are all
        alike, as those of an idle night, nothing is left but what was taken off.
        """
        measured = level.trusted[~np.isnan(level.trusted)]
        if len(measured) < self.minimum_points or np.ptp(measured) == 0.0:
            return None
        left = self._explained(level).trusted
        return self._fitted(left / np.nanmean(np.abs(left)))

    def _extend(self, observed: ObservedSeries) -> None:
        self._run = self._filtered(observed.newest(observed.seen - self._observed.seen))
        self._observed = observed.newest(self.memory_bins)

    def _filtered(self, news: ObservedSeries) -> Filtered:
        left = self._explained(news)
        return self._run.extended(left.trusted, left.began).latest(self.memory_bins)

    def _explained(self, observed: ObservedSeries) -> ObservedSeries:
        """What is left for the linear model to explain; by default all."""
        return observed
