"""How well two forecasts of their own foretell the ratio of prefill and decode tokens."""

import numpy as np
from scripts.forecast_bench.origins import Walk
from scripts.forecast_bench.series import FloatArray


def ratio_relative_mae(prefill: Walk, decode: Walk) -> dict[int, float]:
    """By lead in minutes: mean error of the forecast ratio's logarithm over the last ratio's.

    Logarithms, since a ratio twice too high is as wrong as one twice too low.
    """
    found = {}
    series = prefill.series
    for column, (lead, steps) in enumerate(
        zip(series.lead_minutes, series.horizons_steps, strict=True)
    ):
        origins = prefill.origins[prefill.origins + steps < len(series.values)]
        count = len(origins)
        actual = _log_ratio(
            prefill.series.values[origins + steps], decode.series.values[origins + steps]
        )
        last = _log_ratio(prefill.series.held[origins], decode.series.held[origins])
        forecast = _log_ratio(prefill.points[:count, column], decode.points[:count, column])
        known = np.isfinite(actual + last + forecast)
        found[lead] = float(
            np.abs(actual - forecast)[known].mean() / np.abs(actual - last)[known].mean()
        )
    return found


def _log_ratio(prefill: FloatArray, decode: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: FloatArray = np.log(prefill / decode)
    return ratio
