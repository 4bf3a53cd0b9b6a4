"""The default forecaster: cheap experts, each followed as far as its recent errors bear out."""

from collections.abc import Sequence
from typing import ClassVar, Self, cast

import numpy as np

from pd_forecasting.base import FloatArray, Forecast, Forecaster, State, checked
from pd_forecasting.errors import ForecastError
from pd_forecasting.margins import FEWEST_ERRORS, margins, margins_of_few
from pd_forecasting.past import Past, centred_mean
from pd_forecasting.smoothing import ERRORS_TO_COMPARE
from pd_forecasting.track import EXPERTS, Track

JUDGED_BINS = 1440
"""Origins whose errors make the margins: a day of minutes."""

_SEASONS_REMEMBERED = 4
_MOST_TRACKS = 12


class Hedge(Forecaster):
    """Last value, moving averages, earlier days' change and direct regressions, weighted.

    At every horizon asked, each expert counts by its own recent errors there (see `Track`), so
    that the last value speaks where nothing beats it and a regression where it has proved itself.
    Works on the square root of the load, which makes the noise of counts even.

    Everything is learnt as the bins come in: `fit` only starts anew. A horizon that is asked for
    the first time costs a run over all that is remembered.
    """

    name: ClassVar[str] = "Hedge"
    minimum_points: ClassVar[int] = 5

    def __init__(self, *, sustained_bins: int = 1, season_bins: int = 0) -> None:
        super().__init__(sustained_bins=sustained_bins, season_bins=season_bins)
        self._past = Past.nothing(season_bins)
        self._tracks: dict[int, Track] = {}

    @property
    def _memory_bins(self) -> int:
        return max(JUDGED_BINS, _SEASONS_REMEMBERED * self.season_bins)

    def fit(self, series: FloatArray, horizons_steps: Sequence[int] = ()) -> None:
        """Start anew with a whole series, and follow the experts at `horizons_steps`."""
        past = Past.nothing(self.season_bins).extended(np.sqrt(checked(series)))
        self._tracks = {
            steps: Track.of(past, steps, self.sustained_bins).latest(JUDGED_BINS)
            for steps in sorted(set(horizons_steps))
        }
        self._past = past.latest(self._memory_bins)

    def update(self, series: FloatArray) -> None:
        """Append the bins of `series`."""
        past = self._past.extended(np.sqrt(checked(series)))
        self._tracks = {
            steps: track.extended(past, len(series)).latest(JUDGED_BINS)
            for steps, track in self._tracks.items()
        }
        self._past = past.latest(self._memory_bins)

    @property
    def known_points(self) -> int:
        """Bins with a value among those still remembered."""
        return int(np.count_nonzero(~np.isnan(self._past.values)))

    def followed(self, horizon_steps: int) -> FloatArray:
        """What was forecast for `horizon_steps` later, at each of the newest bins, shape (n,)."""
        return self._track(horizon_steps).combined ** 2

    def weights(self, horizon_steps: int) -> dict[str, FloatArray]:
        """Each expert's share of the forecast at each of the newest bins, shape (n,)."""
        return dict(zip(EXPERTS, self._track(horizon_steps).shares, strict=True))

    def error_vs_last_value(self, horizon_steps: int) -> float:
        """MASE at the horizon over the bins judged; NaN below `ERRORS_TO_COMPARE` errors."""
        followed = self._track(horizon_steps).combined ** 2
        loads = self._past.values[-len(followed) :] ** 2
        actual = loads[horizon_steps:]
        last = loads[: len(actual)]
        own = np.abs(actual - followed[: len(actual)])
        other = np.abs(actual - last)
        usable = ~np.isnan(own + other)
        if np.count_nonzero(usable) < ERRORS_TO_COMPARE:
            return float("nan")
        if other[usable].sum() == 0.0:
            return 1.0 if own[usable].sum() == 0.0 else float("inf")
        return float(own[usable].sum() / other[usable].sum())

    def state(self) -> State:
        """The bins remembered and the experts' records, as plain data."""
        return {
            "model": self.name,
            "sustained_bins": self.sustained_bins,
            "past": self._past.to_plain(),
            "tracks": [track.to_plain() for track in self._tracks.values()],
        }

    @classmethod
    def restore(cls, state: State) -> Self:
        """Continue from `state`; `ForecastError` for another model's."""
        if state.get("model") != cls.name:
            raise ForecastError(f"state of {state.get('model')!r} is not one of {cls.name!r}")
        past = Past.from_plain(cast("State", state["past"]))
        restored = cls(
            sustained_bins=cast("int", state["sustained_bins"]), season_bins=past.season_bins
        )
        restored._past = past
        tracks = [Track.from_plain(plain) for plain in cast("list[State]", state["tracks"])]
        restored._tracks = {track.steps: track for track in tracks}
        return restored

    def _forecast(self, horizons: tuple[int, ...], quantiles: tuple[float, ...]) -> Forecast:
        points = np.empty(len(horizons))
        values = np.empty((len(horizons), len(quantiles)))
        for row, steps in enumerate(horizons):
            followed = self._track(steps).combined
            points[row] = followed[-1]
            values[row] = followed[-1] + self._margins(followed, steps, quantiles)
        ordered = np.maximum.accumulate(np.maximum(values, 0.0), axis=1)
        return Forecast(horizons, quantiles, ordered**2, points**2)

    def _margins(
        self, followed: FloatArray, steps: int, quantiles: tuple[float, ...]
    ) -> FloatArray:
        roots = self._past.values[-len(followed) :]
        actual = centred_mean(roots, self.sustained_bins)[steps:]
        errors = actual - followed[: len(actual)]
        if np.count_nonzero(~np.isnan(errors)) < FEWEST_ERRORS:
            return margins_of_few(roots, steps, quantiles)
        return margins(errors, steps, quantiles)

    def _track(self, steps: int) -> Track:
        """The record at that horizon; made of what is remembered where there is none."""
        if steps not in self._tracks:
            kept = list(self._tracks.items())[-(_MOST_TRACKS - 1) :]
            made = Track.of(self._past, steps, self.sustained_bins).latest(JUDGED_BINS)
            self._tracks = {**dict(kept), steps: made}
        return self._tracks[steps]
