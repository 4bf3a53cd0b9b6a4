"""Exponential smoothing with a damped trend, fitted by statsmodels."""

import math
import warnings
from itertools import product
from typing import ClassVar

import numpy as np

from pd_forecasting.base import FloatArray
from pd_forecasting.smoothing import Smoother
from pd_forecasting.trend_paths import TrendParameters

_TRENDS = (0.1, 0.2, 0.4)
_DAMPINGS = (0.8, 0.9, 0.96)
_SHAPES = ((0.0, 0.9), *product(_TRENDS, _DAMPINGS))
"""Pairs of trend weight beta and damping phi. The first has no trend: simple smoothing."""

_DEFAULT_LEVEL = 0.3
_SMALLEST_LEVEL = 0.02


class DampedTrend(Smoother):
    """A family of damped trends, from none to a long one.

    statsmodels finds each member's level weight alpha by one-step likelihood. Trend and damping
    are not left to it: over one step a trend hardly matters, so a load that climbs for an hour is
    fitted best without one, and the forecast an hour ahead is late. They are chosen by the error
    at the horizon asked instead (see `Smoother`).
    """

    name: ClassVar[str] = "DampedTrend"
    minimum_points: ClassVar[int] = 10

    @classmethod
    def _default_parameters(cls) -> TrendParameters:
        return _parameters([_DEFAULT_LEVEL] * len(_SHAPES))

    def _fitted_parameters(self, roots: FloatArray) -> TrendParameters:
        stretch = _longest_known_stretch(roots[-self.memory_bins :])
        if len(stretch) < self.minimum_points or np.ptp(stretch) == 0.0:
            return self._paths.parameters
        return _parameters([_fitted_level(stretch, *shape) for shape in _SHAPES])


def _parameters(levels: list[float]) -> TrendParameters:
    trends, dampings = zip(*_SHAPES, strict=True)
    return TrendParameters(np.array(levels), np.array(trends), np.array(dampings))


def _fitted_level(roots: FloatArray, trend: float, damping: float) -> float:
    """Level weight of least squared one-step error, or the default where the fit fails."""
    # Here and not above: statsmodels brings pandas and scipy, 100 MB and a second, and only the
    # worker process that fits needs them; the one that updates and forecasts stays lean.
    from statsmodels.tsa.holtwinters import Holt  # noqa: PLC0415 - 100 MB that only fits need

    scaled = roots / roots.mean()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit that did not converge is judged by its errors
        fitted = Holt(
            scaled,
            damped_trend=True,
            initialization_method="known",
            initial_level=scaled[0],
            initial_trend=0.0,
        ).fit(smoothing_trend=trend, damping_trend=damping)
    level = float(fitted.params["smoothing_level"])
    return min(max(level, _SMALLEST_LEVEL), 1.0) if math.isfinite(level) else _DEFAULT_LEVEL


def _longest_known_stretch(roots: FloatArray) -> FloatArray:
    """The longest run without a missing bin; the newest of several."""
    holes = np.flatnonzero(np.isnan(roots))
    starts = np.concatenate([[0], holes + 1])
    ends = np.concatenate([holes, [len(roots)]])
    longest = len(starts) - 1 - int(np.argmax((ends - starts)[::-1]))
    return roots[starts[longest] : ends[longest]]
