"""Short-horizon forecasts of a load, with quantiles. Knows nothing of Kubernetes or LLMs."""

from pd_forecasting.base import Forecast, Forecaster
from pd_forecasting.damped_trend import DampedTrend
from pd_forecasting.errors import BadSeriesError, ForecastError, NotEnoughPointsError
from pd_forecasting.hedge import Hedge
from pd_forecasting.last_value import LastValue

FORECASTERS: tuple[type[Forecaster], ...] = (LastValue, DampedTrend)
"""Every forecaster. What tests and benchmarks hold of one, they hold of all of these."""

__all__ = [
    "FORECASTERS",
    "BadSeriesError",
    "DampedTrend",
    "Forecast",
    "ForecastError",
    "Forecaster",
    "Hedge",
    "LastValue",
    "NotEnoughPointsError",
]
