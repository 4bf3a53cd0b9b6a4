import math

import numpy as np
import pytest

from pd_operator.demand import FloatArray
from pd_operator.demand.ratio import ratio_accuracy


def of(*values: float) -> FloatArray:
    return np.array(values, dtype=np.float64)


def test_a_ratio_twice_too_high_is_as_wrong_as_one_twice_too_low() -> None:
    output = (of(1, 1), of(1, 1), of(1, 1))
    error = ratio_accuracy((of(2, 0.5), of(4, 0.25), of(1, 1)), output)
    assert error.typical_percent == pytest.approx(100)
    assert error.vs_last_value == pytest.approx(0.5)
    assert error.forecasts == 2


def test_two_forecasts_that_are_wrong_alike_foretell_the_ratio() -> None:
    error = ratio_accuracy((of(20, 30), of(8, 8), of(10, 10)), (of(2, 3), of(1, 1), of(1, 1)))
    assert error.typical_percent == pytest.approx(0)
    assert error.vs_last_value == pytest.approx(0)


def test_what_is_missing_or_idle_is_left_out() -> None:
    prompt = (of(1, math.nan, 1, 1), of(1, 1, 1, 1), of(2, 1, 1, 0))
    output = (of(1, 1, 1, 1), of(1, 1, 0, 1), of(1, 1, 1, 1))
    assert ratio_accuracy(prompt, output).forecasts == 1
    nothing = ratio_accuracy(prompt, (of(0, 0, 0, 0),) * 3)
    assert nothing.forecasts == 0
    assert math.isnan(nothing.vs_last_value)


def test_a_steady_ratio_that_is_met_is_no_better_than_its_last_value() -> None:
    steady = (of(3, 3), of(3, 3), of(3, 3))
    assert ratio_accuracy(steady, steady).vs_last_value == 1.0
    assert ratio_accuracy((of(6, 6), of(3, 3), of(3, 3)), steady).vs_last_value == math.inf
