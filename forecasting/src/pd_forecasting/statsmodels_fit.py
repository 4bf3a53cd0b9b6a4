"""State-space models fitted by statsmodels, and what is taken over from them."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from pd_forecasting.base import FloatArray
from pd_forecasting.kalman import LinearModel

_MAXIMUM_ITERATIONS = 30
_LARGEST_ROOT = 1.0 + 1e-9
_SEASON_HARMONICS = 3
"""A wave whose rise, fall, peaks and troughs differ in height and width."""


def best_of(candidates: list[Callable[[], Any]]) -> LinearModel | None:
    """The candidate of least corrected Akaike criterion; None where no fit came to an end.

    Each makes one of statsmodels' `MLEModel`s. They must be of the same series, differenced the
    same, for the criterion to compare them.
    """
    fitted = [result for make in candidates if (result := _fit(make)) is not None]
    if not fitted:
        return None
    return _model_of(min(fitted, key=lambda result: float(result.aicc)))


def arima_with_regressor(
    values: FloatArray, regressor: FloatArray
) -> tuple[float, LinearModel] | None:
    """A regressor's coefficient, between 0 and 1, and the ARIMA(1, 1, 1) of what it leaves.

    Shapes (n,); values may be NaN, the regressor not. None where no fit came to an end.
    """
    # Here and not above: see `sarimax.best_arima`.
    from statsmodels.tsa.statespace.sarimax import SARIMAX  # noqa: PLC0415 - 100 MB that only fits need

    size = float(np.nanmean(np.abs(values)))
    if size == 0.0 or np.nanmax(values) == np.nanmin(values):
        return None
    order = (1, 1, 1)
    scaled, by = values / size, regressor / size
    with_it = _fit(partial(SARIMAX, scaled, exog=by[:, None], order=order, concentrate_scale=True))
    if with_it is None:
        return None
    share = min(max(float(with_it.params[0]), 0.0), 1.0)
    left = SARIMAX(scaled - share * by, order=order, concentrate_scale=True)
    with np.errstate(all="ignore"):
        model = _model_of(left.filter(with_it.params[1:]))
    return (share, model) if _sane(model) else None


def level_with_season(values: FloatArray, period_bins: float) -> LinearModel | None:
    """A level that walks at random, with a season of three harmonics that may change as well.

    Shape (n,), NaN where missing. None where no fit came to an end.
    """
    # Here and not above: see `sarimax.best_arima`.
    from statsmodels.tsa.statespace.structural import (  # noqa: PLC0415 - 100 MB that only fits need
        UnobservedComponents,
    )

    size = float(np.nanmean(np.abs(values)))
    if size == 0.0:
        return None
    season = [{"period": period_bins, "harmonics": _SEASON_HARMONICS}]
    found = _fit(
        partial(
            UnobservedComponents,
            values / size,
            level="llevel",
            freq_seasonal=season,
            stochastic_freq_seasonal=[True],
        )
    )
    return None if found is None else _model_of(found)


def _fit(make: Callable[[], Any]) -> Any | None:
    """Statsmodels' results, or None where the fit broke down or led to nonsense."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # a fit that did not converge is judged by its criterion
        try:
            result = make().fit(disp=0, maxiter=_MAXIMUM_ITERATIONS)
        except (ValueError, np.linalg.LinAlgError):
            return None
    return result if np.isfinite(result.aicc) and _sane(_model_of(result)) else None


def _model_of(result: Any) -> LinearModel:
    found = result.filter_results
    selection = found.selection[..., 0]
    return LinearModel(
        transition=np.array(found.transition[..., 0]),
        observation=np.array(found.design[0, :, 0]),
        state_noise=np.array(selection @ found.state_cov[..., 0] @ selection.T),
        noise=float(found.obs_cov[0, 0, 0]),
        spread=np.array(found.initial_state_cov),
    )


def _sane(model: LinearModel) -> bool:
    """Whether all numbers are finite and no forecast grows without end."""
    parts: list[FloatArray] = [model.transition, model.observation, model.state_noise, model.spread]
    if not all(np.isfinite(part).all() for part in parts) or not np.isfinite(model.noise):
        return False
    return bool(np.abs(np.linalg.eigvals(model.transition)).max() <= _LARGEST_ROOT)
