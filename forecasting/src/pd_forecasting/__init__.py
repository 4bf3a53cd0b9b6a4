"""Short-horizon forecasts of a load, with quantiles.

Here belongs what turns a series of regular bins into quantiles of the bins to come: models, the
ensemble of them, margins, and what they share. Series are plain arrays; nothing here knows of
time zones, Prometheus, Kubernetes, requests or tokens (`pd_operator.demand` does), and nothing
reads a clock, a file or a random number. A forecaster lives in memory: after a restart it is
fitted again on the history, which Prometheus keeps.
"""

from pd_forecasting.base import Forecast, Forecaster
from pd_forecasting.damped_trend import DampedTrend
from pd_forecasting.errors import BadSeriesError, ForecastError, NotEnoughPointsError
from pd_forecasting.ewma import Ewma
from pd_forecasting.harmonic_regression import HarmonicRegression
from pd_forecasting.hedge import Hedge
from pd_forecasting.last_value import LastValue
from pd_forecasting.sarimax import Sarimax
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
    "DampedTrend",
    "Ewma",
    "Forecast",
    "ForecastError",
    "Forecaster",
    "HarmonicRegression",
    "Hedge",
    "LastValue",
    "NotEnoughPointsError",
    "Sarimax",
    "UnobservedComponents",
]
