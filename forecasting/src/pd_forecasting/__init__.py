"""Short-horizon forecasts of a load, with quantiles. Knows nothing of Kubernetes or LLMs."""

from pd_forecasting.base import Forecast, Forecaster
from pd_forecasting.damped_trend import DampedTrend
from pd_forecasting.errors import BadSeriesError, ForecastError, NotEnoughPointsError
from pd_forecasting.ewma import Ewma
from pd_forecasting.harmonic_regression import HarmonicRegression
from pd_forecasting.hedge import Hedge
from pd_forecasting.last_value import LastValue
from pd_forecasting.sampled import SampledForecaster
from pd_forecasting.samples import Cleaning
from pd_forecasting.sarimax import Sarimax
from pd_forecasting.series import Series
from pd_forecasting.unobserved_components import UnobservedComponents

FORECASTERS: tuple[type[Forecaster], ...] = (
    Hedge,
    LastValue,
    Ewma,
    DampedTrend,
    Sarimax,
    UnobservedComponents,
    HarmonicRegression,
)
"""Every forecaster. What tests and benchmarks hold of one, they hold of all of these."""

__all__ = [
    "FORECASTERS",
    "BadSeriesError",
    "Cleaning",
    "DampedTrend",
    "Ewma",
    "Forecast",
    "ForecastError",
    "Forecaster",
    "HarmonicRegression",
    "Hedge",
    "LastValue",
    "NotEnoughPointsError",
    "SampledForecaster",
    "Sarimax",
    "Series",
    "UnobservedComponents",
]
