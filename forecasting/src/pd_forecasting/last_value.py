"""The load of now, taken for the load to come."""

from typing import ClassVar

import numpy as np

from pd_forecasting.smoothing import Smoother
from pd_forecasting.trend_paths import TrendParameters


class LastValue(Smoother):
    """What every other forecaster must beat; with margins from its own errors.

    Its margins are plain, all errors of a level that compares count alike: it is the yardstick that
    the others are measured with, and a yardstick has none of their arts.
    """

    plain_margins: ClassVar[bool] = True

    name: ClassVar[str] = "LastValue"
    minimum_points: ClassVar[int] = 5
    bins_between_fits: ClassVar[int] = 720

    @classmethod
    def _default_parameters(cls) -> TrendParameters:
        return TrendParameters(level=np.ones(1), trend=np.zeros(1), damping=np.zeros(1))
