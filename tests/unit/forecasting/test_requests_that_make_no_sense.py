import math

import numpy as np
import pytest

from pd_forecasting import BadSeriesError, LastValue


@pytest.fixture
def forecaster() -> LastValue:
    model = LastValue()
    model.update(np.arange(20.0))
    return model


@pytest.mark.parametrize("bad", [-1.0, math.inf, -math.inf])
def test_a_load_that_cannot_be_is_refused_and_changes_nothing(
    forecaster: LastValue, bad: float
) -> None:
    before = forecaster.forecast([1], [0.9]).values
    with pytest.raises(BadSeriesError, match="a load cannot be"):
        forecaster.update(np.array([1.0, bad]))
    np.testing.assert_array_equal(forecaster.forecast([1], [0.9]).values, before)


def test_a_table_is_no_series(forecaster: LastValue) -> None:
    with pytest.raises(BadSeriesError, match="one dimension, found 2"):
        forecaster.update(np.ones((3, 3)))


@pytest.mark.parametrize("horizons", [[], [0], [-1, 5]])
def test_a_horizon_is_at_least_one_bin(forecaster: LastValue, horizons: list[int]) -> None:
    with pytest.raises(BadSeriesError, match="at least one bin"):
        forecaster.forecast(horizons, [0.5])


@pytest.mark.parametrize("quantiles", [[0.0], [1.0], [0.9, 0.5], [math.nan]])
def test_quantiles_ascend_between_zero_and_one(
    forecaster: LastValue, quantiles: list[float]
) -> None:
    with pytest.raises(BadSeriesError, match="ascend between 0 and 1"):
        forecaster.forecast([1], quantiles)
