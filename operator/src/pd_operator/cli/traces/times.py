"""Times in files as seconds: understood, or refused; which unit they have is never guessed.

A number's unit is the one that the user names or that the column's name ends in. Without either,
it is known only of numbers that are moments since 1970: between 1979 and 2100 those of seconds,
milliseconds, microseconds and nanoseconds lie a hundredfold apart. Everything else, such as 0 to
3,600,000 from a file's own beginning, could be two things.
"""

import numpy as np
import pandas as pd

from pd_operator.cli.traces.columns import plain_name
from pd_operator.cli.traces.errors import TraceError
from pd_operator.cli.traces.units import ENDINGS, PER_SECOND, UNITS_OF_MOMENTS, TimeUnit
from pd_operator.demand import FloatArray

FIRST_DATE_SECONDS = 3e8
"""Smaller Unix times, before 1979, are seconds of a file's own."""

LAST_DATE_SECONDS = 4.2e9
"""The year 2103; no unit's moments overlap with another's until then."""


def as_seconds(column: "pd.Series[float]", file: str, asked: TimeUnit | None = None) -> FloatArray:
    """A column of times as seconds, in the order of the file; `TraceError` names a bad row.

    Dates and times are ISO 8601, in UTC where they name no zone.
    """
    numbers = _as_numbers(column)
    if numbers is None:
        return _of_dates(column, file, asked)
    _expect_known(numbers, column, file)
    unit = asked or ENDINGS.get(plain_name(str(column.name)).rpartition("_")[2])
    seconds = numbers / PER_SECOND[unit or _unit_of_moments(numbers, file)]
    _expect_one_clock(seconds, column, file)
    return seconds


def _as_numbers(column: "pd.Series[float]") -> FloatArray | None:
    """Numbers, written as such or as text; None for dates and everything else."""
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return None
    if pd.api.types.is_numeric_dtype(column):
        return np.asarray(column.to_numpy(na_value=np.nan), dtype=np.float64)
    numbers = pd.to_numeric(column, errors="coerce")
    return np.asarray(numbers, dtype=np.float64) if numbers.notna().any() else None


def _unit_of_moments(numbers: FloatArray, file: str) -> TimeUnit:
    """The unit in which all numbers lie between 1979 and 2100; there is one at most."""
    low, high = float(numbers.min()), float(numbers.max())
    for unit in UNITS_OF_MOMENTS:
        per_second = PER_SECOND[unit]
        if low >= FIRST_DATE_SECONDS * per_second and high <= LAST_DATE_SECONDS * per_second:
            return unit
    raise TraceError(
        f"{file}: times from {low:.16g} to {high:.16g} may be seconds or milliseconds; say which "
        "with --time-unit"
    )


def _of_dates(column: "pd.Series[float]", file: str, asked: TimeUnit | None) -> FloatArray:
    if pd.api.types.is_bool_dtype(column):
        raise TraceError(f"{file}, row 1: {str(column.iloc[0])!r} is no time")
    dates = pd.to_datetime(column, utc=True, errors="coerce", format="ISO8601")
    epoch = (dates - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
    seconds = np.asarray(epoch.to_numpy(na_value=np.nan), dtype=np.float64)
    _expect_known(seconds, column, file)
    if asked is not None:
        raise TraceError(f"{file}: times are dates and have no unit; leave --time-unit out")
    return seconds


def _expect_known(values: FloatArray, column: "pd.Series[float]", file: str) -> None:
    unknown = np.flatnonzero(~np.isfinite(values))
    if len(unknown):
        row = int(unknown[0])
        raise TraceError(f"{file}, row {row + 1}: {str(column.iloc[row])!r} is no time")


def _expect_one_clock(seconds: FloatArray, column: "pd.Series[float]", file: str) -> None:
    """Refuse what the unit makes no moment of, and moments beside seconds from a beginning."""
    late = np.flatnonzero(seconds > LAST_DATE_SECONDS)
    if len(late):
        row = int(late[0])
        raise TraceError(
            f"{file}, row {row + 1}: {column.iloc[row]} is after the year 2100; is it of a smaller "
            "unit? Say which with --time-unit"
        )
    own = np.flatnonzero(seconds < FIRST_DATE_SECONDS)
    if 0 < len(own) < len(seconds):
        row = int(own[0])
        raise TraceError(
            f"{file}, row {row + 1}: {column.iloc[row]} is before 1979, and other rows are after; "
            "they cannot be of one clock"
        )
