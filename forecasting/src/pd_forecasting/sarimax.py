"""ARIMA whose order is chosen anew at every fit, by statsmodels' SARIMAX."""

from functools import partial
from typing import ClassVar

from pd_forecasting.base import FloatArray
from pd_forecasting.kalman import LinearModel
from pd_forecasting.state_space import StateSpace
from pd_forecasting.statsmodels_fit import best_of

_ORDERS = ((0, 1, 1), (1, 1, 1), (0, 1, 2), (2, 1, 2))
"""Orders p, d, q tried. All difference once: a load has no mean to come back to, and an order
without differencing, chosen on a few quiet minutes, holds on to theirs for ever."""


class Sarimax(StateSpace):
    """ARIMA(p, 1, q) of least corrected Akaike criterion among a few small orders."""

    name: ClassVar[str] = "Sarimax"
    minimum_points: ClassVar[int] = 30

    def _fitted(self, scaled: FloatArray) -> LinearModel | None:
        return best_arima(scaled)


def best_arima(scaled: FloatArray) -> LinearModel | None:
    """The best of `_ORDERS` for a series of mean one; None where none could be fitted."""
    # Here and not above: statsmodels brings pandas and scipy, 100 MB and a second, and only the
    # worker process that fits needs them; the one that updates and forecasts stays lean.
    from statsmodels.tsa.statespace.sarimax import SARIMAX  # noqa: PLC0415 - 100 MB that only fits need

    return best_of(
        [partial(SARIMAX, scaled, order=order, concentrate_scale=True) for order in _ORDERS]
    )
