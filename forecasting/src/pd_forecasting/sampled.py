"""A forecaster that is told times and values, instead of regular bins."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Self, cast

import numpy as np
import numpy.typing as npt

from pd_forecasting.base import FloatArray, Forecast, Forecaster, State
from pd_forecasting.errors import NotEnoughPointsError
from pd_forecasting.samples import MOST_BINS, Cleaning, Samples
from pd_forecasting.series import Series


class SampledForecaster:
    """Puts samples of a gauge or a rate into bins, and whole bins into a model.

    A sample of a bin that the model knows already came too late and is dropped: time never runs
    backwards. After a gap of `most_bins` the model starts anew.
    """

    def __init__(
        self, model: Forecaster, step_seconds: float, *, most_bins: int = MOST_BINS
    ) -> None:
        self.model = model
        self.step_seconds = step_seconds
        self.most_bins = most_bins
        self._end_seconds = -math.inf
        self._open_times: FloatArray = np.empty(0)
        self._open_values: FloatArray = np.empty(0)

    @property
    def end_seconds(self) -> float:
        """End of the last bin that the model knows; minus infinity before the first."""
        return self._end_seconds

    def update(
        self,
        times_seconds: npt.ArrayLike,
        values: npt.ArrayLike,
        now_seconds: float | None = None,
    ) -> Cleaning:
        """Take samples in, and say what was left out.

        What is stamped later than `now_seconds` is left out too: one clock that is wrong would
        else make late all that comes after it. `BadSeriesError`, and nothing is changed, for what
        `Samples.cleaned` refuses.
        """
        new = self._cleaned(times_seconds, values, now_seconds)
        late = new.times <= self._end_seconds
        waiting = self._cleaned(
            np.append(self._open_times, new.times[~late]),
            np.append(self._open_values, new.values[~late]),
            now_seconds,
        )
        series = Series.of_cleaned(waiting, self.step_seconds)
        self._take(series)
        still_open = waiting.times > self._end_seconds
        self._open_times = waiting.times[still_open]
        self._open_values = waiting.values[still_open]
        return replace(
            new.cleaning,
            late=int(np.count_nonzero(late)),
            repeated=new.cleaning.repeated + waiting.cleaning.repeated,
            forgotten=new.cleaning.forgotten + waiting.cleaning.forgotten,
        )

    def _cleaned(
        self, times: npt.ArrayLike, values: npt.ArrayLike, now_seconds: float | None
    ) -> Samples:
        return Samples.cleaned(
            times, values, self.step_seconds, end_seconds=now_seconds, most_bins=self.most_bins
        )

    def _take(self, series: Series) -> None:
        if not len(series.values):
            return
        gap = (series.start_seconds - self._end_seconds) / self.step_seconds
        if gap < self.most_bins:
            missing = np.full(round(gap), np.nan)
            self.model.update(np.concatenate([missing, series.values]))
        else:
            self.model.fit(series.values)
        self._end_seconds = series.end_seconds

    def forecast(
        self,
        horizons_seconds: Sequence[float],
        quantiles: Sequence[float],
        now_seconds: float | None = None,
    ) -> Forecast:
        """Quantiles for the bins in which `now_seconds` plus each horizon lies.

        Now is the end of the last bin by default. `NotEnoughPointsError` before the first bin,
        and whatever the model refuses.
        """
        if self._end_seconds == -math.inf:
            raise NotEnoughPointsError(self.model.name, self.model.minimum_points, 0)
        age = 0.0 if now_seconds is None else max(0.0, now_seconds - self._end_seconds)
        steps = [
            max(1, math.ceil((age + horizon) / self.step_seconds - 1e-9))
            for horizon in horizons_seconds
        ]
        return self.model.forecast(steps, quantiles)

    def state(self) -> State:
        """The model and the samples whose bins are not whole yet, as plain data."""
        return {
            "step_seconds": self.step_seconds,
            "most_bins": self.most_bins,
            "end_seconds": None if self._end_seconds == -math.inf else self._end_seconds,
            "open": [self._open_times.tolist(), self._open_values.tolist()],
            "model": self.model.state(),
        }

    @classmethod
    def restore(cls, model: type[Forecaster], state: State) -> Self:
        """Continue from `state` with a model of the class that it is of."""
        restored = cls(
            model.restore(cast("Mapping[str, object]", state["model"])),
            cast("float", state["step_seconds"]),
            most_bins=cast("int", state["most_bins"]),
        )
        end = cast("float | None", state["end_seconds"])
        restored._end_seconds = -math.inf if end is None else end
        times, values = cast("list[list[float]]", state["open"])
        restored._open_times, restored._open_values = np.array(times), np.array(values)
        return restored
