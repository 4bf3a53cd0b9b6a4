"""Arrays as plain data and back: what is missing is None, since JSON knows no NaN."""

from collections.abc import Sequence

import numpy as np

from pd_forecasting.base import FloatArray


def listed(array: FloatArray) -> list[float | None]:
    """A one-dimensional array as a list."""
    return [None if np.isnan(value) else float(value) for value in array]


def read(values: Sequence[float | None]) -> FloatArray:
    """The array of a list that `listed` made."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
