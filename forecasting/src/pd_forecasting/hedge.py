"""The default forecaster: cheap experts, each followed as far as its recent errors bear out."""

from collections.abc import Sequence
from typing import ClassVar, Self, cast

import numpy as np

from pd_forecasting.base import FloatArray, State, checked
from pd_forecasting.errors import ForecastError
from pd_forecasting.past import Past
from pd_forecasting.recorded import Recorded
from pd_forecasting.track import EXPERTS, Track

JUDGED_BINS = 1440
"""Origins whose errors make the margins: a day of minutes."""

_SEASONS_REMEMBERED = 4
_MOST_TRACKS = 12
_EDITION = 3
"""Of what is kept about the experts. Another edition's is learnt anew from the bins it kept."""


class Hedge(Recorded):
    """Last value, moving averages, earlier days' change and direct regressions, weighted.

    At every horizon asked, each expert counts by its own recent errors there (see `Track`), so
    that the last value speaks where nothing beats it and a regression where it has proved itself.
    Works on the square root of the load, which makes the noise of counts even.

    Everything is learnt as the bins come in: `fit` only starts anew. A horizon that is asked for
    the first time costs a run over all that is remembered.
    """

    name: ClassVar[str] = "Hedge"
    minimum_points: ClassVar[int] = 5
    bins_between_fits: ClassVar[int] = 720

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
    def _roots(self) -> FloatArray:
        return self._past.values[-JUDGED_BINS:]

    def _followed(self, steps: int) -> FloatArray:
        return self._track(steps).combined

    def weights(self, horizon_steps: int) -> dict[str, FloatArray]:
        """Each expert's share of the forecast at each of the newest bins, shape (n,)."""
        return dict(zip(EXPERTS, self._track(horizon_steps).shares, strict=True))

    def state(self) -> State:
        """The bins remembered and the experts' records, as plain data."""
        return {
            "model": self.name,
            "edition": _EDITION,
            "sustained_bins": self.sustained_bins,
            "past": self._past.to_plain(),
            "tracks": [track.to_plain() for track in self._tracks.values()],
        }

    @classmethod
    def restore(cls, state: State) -> Self:
        """Continue from `state`; `ForecastError` for another model's.

        Of a state of another edition the bins remain, and the experts' records are made of them.
        """
        if state.get("model") != cls.name:
            raise ForecastError(f"state of {state.get('model')!r} is not one of {cls.name!r}")
        past = Past.from_plain(cast("State", state["past"]))
        restored = cls(
            sustained_bins=cast("int", state["sustained_bins"]), season_bins=past.season_bins
        )
        restored._past = past
        if state.get("edition") == _EDITION:
            tracks = [Track.from_plain(plain) for plain in cast("list[State]", state["tracks"])]
            restored._tracks = {track.steps: track for track in tracks}
        return restored

    def _track(self, steps: int) -> Track:
        """The record at that horizon; made of what is remembered where there is none."""
        if steps not in self._tracks:
            kept = list(self._tracks.items())[-(_MOST_TRACKS - 1) :]
            made = Track.of(self._past, steps, self.sustained_bins).latest(JUDGED_BINS)
            self._tracks = {**dict(kept), steps: made}
        return self._tracks[steps]
