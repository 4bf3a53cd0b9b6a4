"""Times in files: what is understood, and what could be two things and is refused."""

import numpy as np
import pandas as pd
import pytest

from pd_operator.cli.traces.columns import time_column
from pd_operator.cli.traces.errors import TraceError
from pd_operator.cli.traces.times import as_seconds
from pd_operator.cli.traces.units import PER_SECOND, UNITS_OF_MOMENTS, TimeUnit

MOMENT = 1_790_000_000


def column(name: str, *values: object) -> "pd.Series[float]":
    return pd.Series(list(values), name=name)


@pytest.mark.parametrize("unit", UNITS_OF_MOMENTS)
def test_moments_since_1970_tell_their_own_unit(unit: TimeUnit) -> None:
    counted = [int((MOMENT + seconds) * PER_SECOND[unit]) for seconds in (0, 1, 60)]
    seconds = as_seconds(column("timestamp", *counted), "load.csv")
    np.testing.assert_allclose(seconds - MOMENT, [0, 1, 60])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("arrival_s", 3000),
        ("Time_MS", 3),
        ("t_us", 0.003),
        ("timestamp_nanoseconds", 3e-6),
        ("t_min", 180_000),
    ],
)
def test_a_unit_in_the_column_s_name_counts(name: str, expected: float) -> None:
    np.testing.assert_allclose(as_seconds(column(name, 0, 3000), "load.csv"), [0, expected])


@pytest.mark.parametrize("unit", list(TimeUnit))
@pytest.mark.parametrize("name", ["arrival", "time", "timestamp", "t"])
def test_every_unit_is_known_by_a_column_s_name_alone(name: str, unit: TimeUnit) -> None:
    frame = pd.DataFrame({"tokens": [1, 2], f"{name}_{unit}": [0.0, 7.0]})
    found = frame[time_column(frame, "load.csv")]
    np.testing.assert_allclose(as_seconds(found, "load.csv")[1] * PER_SECOND[unit], 7.0)


def test_numbers_from_a_beginning_of_their_own_need_a_unit() -> None:
    times = column("timestamp", 0, 13, 3_600_000)
    with pytest.raises(TraceError, match="0 to 3600000 may be seconds or milliseconds"):
        as_seconds(times, "mooncake.csv")
    assert as_seconds(times, "mooncake.csv", TimeUnit.MILLISECONDS)[-1] == 3600


def test_what_the_user_says_counts_before_the_column_s_name() -> None:
    times = column("t_s", 0, 60_000)
    assert as_seconds(times, "load.csv", TimeUnit.MILLISECONDS).tolist() == [0, 60]


@pytest.mark.parametrize(
    "written",
    [
        ("2026-11-20T08:00:00", "2026-11-20T08:00:01.5"),
        ("2026-11-20T08:00:00Z", "2026-11-20T08:00:01.500000000Z"),
        ("2026-11-20 10:00:00+02:00", "2026-11-20 10:00:01.5+02:00"),
        (pd.Timestamp("2026-11-20T03:00:00-05:00"), pd.Timestamp("2026-11-20T03:00:01.5-05:00")),
    ],
)
def test_dates_are_utc_unless_they_name_a_zone(written: tuple[object, object]) -> None:
    seconds = as_seconds(column("timestamp", *written), "load.csv")
    assert seconds[0] == pd.Timestamp("2026-11-20T08:00Z").timestamp()
    assert seconds[1] - seconds[0] == 1.5


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (column("arrival_s", 0, MOMENT), "row 1: 0 is before 1979, and other rows are after"),
        (column("arrival_s", MOMENT * 1000), "is after the year 2100; is it of a smaller unit?"),
        (column("timestamp", MOMENT, MOMENT * 1000), "may be seconds or milliseconds"),
        (column("timestamp", MOMENT, np.nan), "row 2: 'nan' is no time"),
        (column("timestamp", MOMENT, np.inf), "row 2: 'inf' is no time"),
        (column("timestamp", "1790000000", "soon"), "row 2: 'soon' is no time"),
        (column("timestamp", "2026-11-20", "20/11/2026"), "row 2: '20/11/2026' is no time"),
        (column("timestamp", "08:00:00", "08:01:00"), "row 1: '08:00:00' is no time"),
        (column("timestamp", True, False), "row 1: 'True' is no time"),
    ],
)
def test_what_is_no_time_is_named(times: "pd.Series[float]", said: str) -> None:
    with pytest.raises(TraceError) as refused:
        as_seconds(times, "load.csv")
    assert said in str(refused.value)


def test_dates_have_no_unit() -> None:
    with pytest.raises(TraceError, match="leave --time-unit out"):
        as_seconds(column("timestamp", "2026-11-20"), "load.csv", TimeUnit.SECONDS)
