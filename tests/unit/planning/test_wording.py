import math

import pytest

from pd_operator.planning.wording import counted, duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0151, "15.1 ms"),
        (0.0999, "99.9 ms"),
        (0.09996, "100 ms"),
        (0.82, "820 ms"),
        (1.0, "1.00 s"),
        (2.314, "2.31 s"),
        (math.inf, "endless"),
    ],
)
def test_a_time_has_three_digits_in_the_unit_that_people_use(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(("number", "words"), [(0, "0 workers"), (1, "1 worker"), (2, "2 workers")])
def test_one_is_not_many(number: int, words: str) -> None:
    assert counted(number, "worker") == words
