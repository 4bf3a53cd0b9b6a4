"""What is asked of a service: request rate and lengths, past, present and forecast.

Belongs here what is true of a load whoever serves it: demand, its history and forecast, schedules,
how often forecasts held. What an engine can do, or how many workers there are, is never known here,
and neither is where a figure came from.
"""

from pd_operator.demand.coverage import Coverage, CoverageTracker, sustained_loads
from pd_operator.demand.demand import Demand
from pd_operator.demand.forecast import (
    RELEASE_PERCENT,
    DemandForecast,
    FittedDemand,
    NotEnoughHistoryError,
    QuantileBand,
    fit_demand,
    refit_bins,
    sustained_bins,
)
from pd_operator.demand.history import DemandHistory
from pd_operator.demand.lengths import FloatArray, LengthDistribution
from pd_operator.demand.measuring import (
    ENOUGH_REQUESTS,
    NO_LENGTH_SEEN,
    present_window_seconds,
    stale_after_seconds,
)
from pd_operator.demand.schedules import Scheduled, scheduled

__all__ = [
    "ENOUGH_REQUESTS",
    "NO_LENGTH_SEEN",
    "RELEASE_PERCENT",
    "Coverage",
    "CoverageTracker",
    "Demand",
    "DemandForecast",
    "DemandHistory",
    "FittedDemand",
    "FloatArray",
    "LengthDistribution",
    "NotEnoughHistoryError",
    "QuantileBand",
    "Scheduled",
    "fit_demand",
    "present_window_seconds",
    "refit_bins",
    "scheduled",
    "stale_after_seconds",
    "sustained_bins",
    "sustained_loads",
]
