"""What will be asked of a service, as quantiles, at the time when a change can take effect."""

from dataclasses import dataclass

from pd_operator.demand.demand import Demand


@dataclass(frozen=True)
class QuantileBand:
    """The 5th and the 50th percentile, and the percentile that was asked for."""

    low: float
    median: float
    high: float


@dataclass(frozen=True)
class DemandForecast:
    """The load of one pool, `horizon_seconds` from the end of the history.

    - `demand`: the load to size for: its rate is such that the pool's own tokens per second
      (prompt for prefill, output for decode) are at the quantile `quantile_percent`.
    - `requests_per_second`, `tokens_per_second`: bands of rate and of the pool's own tokens.
    - `model`: the forecaster that the figures come from.
    - `error_vs_last_value`: mean absolute error of the model asked for, at this horizon, over
      that of the last value (MASE); NaN before there are errors to compare.
    - `trusted`: whether the model beats the last value. Where it does not, the figures are the
      last value's own.
    """

    horizon_seconds: float
    quantile_percent: int
    demand: Demand
    requests_per_second: QuantileBand
    tokens_per_second: QuantileBand
    model: str
    error_vs_last_value: float
    trusted: bool
