"""Exponentially weighted averages of different memory."""

from typing import ClassVar

import numpy as np

from pd_forecasting.smoothing import Smoother
from pd_forecasting.trend_paths import TrendParameters

_HALF_LIVES = (1.0, 2.0, 3.0, 5.0, 10.0)
"""Bins in which an average forgets half of what it knew."""


class Ewma(Smoother):
    """The exponential average whose memory was best at the horizon asked (see `Smoother`).

    No fit, no season, no trend: what every cleverer model has to justify itself against.
    """

    name: ClassVar[str] = "Ewma"
    minimum_points: ClassVar[int] = 5
    bins_between_fits: ClassVar[int] = 720

    @classmethod
    def _default_parameters(cls) -> TrendParameters:
        weights = 1 - 0.5 ** (1 / np.array(_HALF_LIVES))
        flat = np.zeros(len(_HALF_LIVES))
        return TrendParameters(level=weights, trend=flat, damping=flat)
