"""The default forecaster: an ensemble of experts, weighted by their own recent errors."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from pd_forecasting.base import FloatArray, checked
from pd_forecasting.horizon_ensemble import EXPERTS, HorizonEnsemble
from pd_forecasting.self_scoring import SelfScoring
from pd_forecasting.series_memory import SeriesMemory

JUDGED_BINS = 1440
"""Bins that errors are compared over: a day of minutes."""

_SEASONS_REMEMBERED = 4
"""One more than the regression looks back (`regression.DAYS`), for the change over a lead time."""

_MOST_ENSEMBLES = 12
"""Horizons kept: two pools' lead times with their neighbors, twice over."""


class Hedge(SelfScoring):
    """Last value, moving averages, earlier days' change and direct regressions, weighted.

    At every horizon asked, the weight of an expert comes from its own recent errors at that horizon
    (see `ExpertLosses`): the last value leads where nothing beats it, a regression where it has
    proved itself. Works on the square root of the load, which makes the noise of counts even.

    Not the exponential-weights Hedge of Freund and Schapire (1997): a weight there falls
    exponentially with the expert's summed loss, here it is a power of its discounted mean loss
    (Stock and Watson 2004, after Bates and Granger 1969), and an expert must first beat the last
    value beyond chance (Diebold and Mariano 1995).

    Everything is learned as the bins come in; `fit` starts anew. The first question about a
    horizon costs a run over all that is remembered.
    """

    name: ClassVar[str] = "Hedge"
    minimum_points: ClassVar[int] = 5
    bins_between_fits: ClassVar[int] = 720

    def __init__(self, *, sustained_bins: int = 1, season_bins: int = 0) -> None:
        super().__init__(sustained_bins=sustained_bins, season_bins=season_bins)
        self._memory = SeriesMemory.nothing(season_bins)
        self._ensembles: dict[int, HorizonEnsemble] = {}

    @property
    def _memory_bins(self) -> int:
        return max(JUDGED_BINS, _SEASONS_REMEMBERED * self.season_bins)

    def fit(self, series: FloatArray, horizons_steps: Sequence[int] = ()) -> None:
        """Start anew with a whole series, and follow the experts at `horizons_steps`."""
        memory = SeriesMemory.nothing(self.season_bins).extended(np.sqrt(checked(series)))
        self._ensembles = {
            steps: HorizonEnsemble.of(memory, steps, self.sustained_bins).latest(JUDGED_BINS)
            for steps in sorted(set(horizons_steps))
        }
        self._memory = memory.latest(self._memory_bins)

    def update(self, series: FloatArray) -> None:
        """Append the bins of `series`."""
        memory = self._memory.extended(np.sqrt(checked(series)))
        self._ensembles = {
            steps: ensemble.extended(memory, len(series)).latest(JUDGED_BINS)
            for steps, ensemble in self._ensembles.items()
        }
        self._memory = memory.latest(self._memory_bins)

    @property
    def _roots(self) -> FloatArray:
        return self._memory.values[-JUDGED_BINS:]

    def _followed(self, steps: int) -> FloatArray:
        return self._ensemble(steps).combined

    def weights(self, horizon_steps: int) -> dict[str, FloatArray]:
        """Each expert's share of the forecast at each of the newest bins, shape (n,)."""
        return dict(zip(EXPERTS, self._ensemble(horizon_steps).shares, strict=True))

    def _ensemble(self, steps: int) -> HorizonEnsemble:
        """The record at that horizon; made of what is remembered where there is none."""
        if steps not in self._ensembles:
            kept = list(self._ensembles.items())[-(_MOST_ENSEMBLES - 1) :]
            made = HorizonEnsemble.of(self._memory, steps, self.sustained_bins).latest(JUDGED_BINS)
            self._ensembles = {**dict(kept), steps: made}
        return self._ensembles[steps]
