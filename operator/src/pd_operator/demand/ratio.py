"""How well two forecasts of their own foretell the ratio of prefill and decode work."""

from dataclasses import dataclass

import numpy as np

from pd_operator.demand.lengths import FloatArray


@dataclass(frozen=True)
class RatioAccuracy:
    """Errors of the forecast ratio of prompt to output tokens per second.

    - `typical_percent`: by how many percent the ratio is typically missed, up or down.
    - `vs_last_value`: relative MAE, of the ratio's logarithm over that of the last ratio; below
      1 the two forecasts move together better than the two last values do.
    - `forecasts`: how many were compared.

    Logarithms, since a ratio that is twice too high is as wrong as one that is twice too low. NaN
    where there is nothing to compare.
    """

    typical_percent: float
    vs_last_value: float
    forecasts: int


def ratio_accuracy(
    prompt: tuple[FloatArray, FloatArray, FloatArray],
    output: tuple[FloatArray, FloatArray, FloatArray],
) -> RatioAccuracy:
    """Errors of the ratio over the same origins.

    `prompt` and `output` each hold what was forecast, the last value, and what came, all of shape
    (origins,) in tokens per second; origins where any of them is missing or zero are left out.
    """
    forecast, last, actual = (
        _log_ratio(above, below) for above, below in zip(prompt, output, strict=True)
    )
    known = np.isfinite(forecast + last + actual)
    count = int(np.count_nonzero(known))
    if count == 0:
        return RatioAccuracy(float("nan"), float("nan"), 0)
    own = float(np.abs(actual - forecast)[known].mean())
    other = float(np.abs(actual - last)[known].mean())
    equal = 1.0 if own == 0 else float("inf")
    return RatioAccuracy(100 * float(np.expm1(own)), own / other if other > 0 else equal, count)


def _log_ratio(prompt: FloatArray, output: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: FloatArray = np.log(prompt) - np.log(output)
    return ratio
