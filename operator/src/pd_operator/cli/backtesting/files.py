"""Loads from a CSV or parquet file: one row a bin, or one row a request.

What is cleaned, and how: rows of the same time count once, the last of them; a bin of which fewer
than half of the rows are known is missing; a missing row is a missing bin and never zero, unless
rows are requests, where no row is no request. All else that makes no sense is an error that names
its row.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import pandas as pd

from pd_operator.cli.backtesting.loads import (
    LONGEST_BINS,
    OUTPUT_TOKENS,
    PROMPT_TOKENS,
    REQUESTS,
    LoadError,
    Loads,
)
from pd_operator.demand.arrays import FloatArray, IntArray

TIME_COLUMNS = ("time", "timestamp", "arrival_s", "t_s", "t", "datetime", "date")
PROMPT_COLUMNS = ("prompt_tokens", "input_tokens")
OUTPUT_COLUMNS = ("output_tokens", "generated_tokens")

_MOST_ROWS = 50_000_000
_MILLISECONDS = 1e11
"""Seconds reach this in the year 5138, milliseconds did so in 1973."""

_FIRST_DATE = 3e8
"""Smaller numbers, before 1979, are seconds of a file's own."""

_MOST_UNEVEN = 0.2


class Rows(StrEnum):
    """What a row of a file is."""

    AUTO = "auto"
    BINS = "bins"
    REQUESTS = "requests"


@dataclass(frozen=True)
class FileOptions:
    """How to read a file.

    - `time`: the column of times; None takes the first of `TIME_COLUMNS` that is there.
    - `columns`: columns to replay; none takes every column of numbers.
    - `rows`: AUTO takes rows for requests where the time column is called `arrival_s`.
    - `bin_seconds`: length of a bin; None takes a minute, or the rows' distance where longer.
    """

    time: str | None = None
    columns: tuple[str, ...] = ()
    rows: Rows = Rows.AUTO
    bin_seconds: float | None = None


def read_file(path: Path, options: FileOptions) -> Loads:
    """Read a load; `LoadError` where that is not possible or makes no sense."""
    frame = _frame(path)
    time = _time_column(frame, options)
    seconds = _seconds(frame[time], path)
    requests = options.rows is Rows.REQUESTS or (options.rows is Rows.AUTO and time == "arrival_s")
    return (_of_requests if requests else _of_bins)(path, frame, time, seconds, options)


def _frame(path: Path) -> pd.DataFrame:
    try:
        if path.suffix == ".parquet":
            frame = pd.read_parquet(path)
        else:
            frame = pd.read_csv(path, nrows=_MOST_ROWS + 1)
    except ImportError as error:
        raise LoadError(
            f"reading {path} needs pyarrow: pip install 'pd-operator[backtest]'"
        ) from error
    except (OSError, ValueError) as error:
        raise LoadError(f"{path} cannot be read: {error}") from error
    if len(frame) > _MOST_ROWS:
        raise LoadError(f"{path} has more than {_MOST_ROWS:,} rows; sum them up into bins first")
    if len(frame) < 2:
        raise LoadError(f"{path} has {len(frame)} rows; a load needs at least two")
    return frame


def _time_column(frame: pd.DataFrame, options: FileOptions) -> str:
    names = [str(name) for name in frame.columns]
    if options.time is not None:
        if options.time not in names:
            raise LoadError(f"no column is called {options.time!r}; there are {names}")
        return options.time
    found = next((name for name in TIME_COLUMNS if name in names), None)
    if found is None:
        raise LoadError(
            f"none of the columns {names} is one of times; name it with --time, or call it "
            f"{TIME_COLUMNS[0]!r}"
        )
    return found


def _seconds(column: "pd.Series[float]", path: Path) -> FloatArray:
    """Times as seconds, checked to be known and never to go back."""
    if pd.api.types.is_numeric_dtype(column):
        seconds = np.asarray(column.to_numpy(na_value=np.nan), dtype=np.float64)
    else:
        dates = pd.to_datetime(column, utc=True, errors="coerce", format="ISO8601")
        epoch = (dates - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
        seconds = np.asarray(epoch.to_numpy(na_value=np.nan), dtype=np.float64)
    unknown = np.flatnonzero(~np.isfinite(seconds))
    if len(unknown):
        row = int(unknown[0])
        raise LoadError(f"{path}, row {row + 1}: {str(column.iloc[row])!r} is no time")
    if seconds.max() > _MILLISECONDS:
        raise LoadError(
            f"{path}: times up to {seconds.max():g} look like milliseconds; use seconds"
        )
    back = np.flatnonzero(np.diff(seconds) < 0)
    if len(back):
        row = int(back[0]) + 1
        raise LoadError(
            f"{path}, row {row + 1}: time goes back from {column.iloc[row - 1]} to "
            f"{column.iloc[row]}; sort the rows by time"
        )
    return seconds


def _of_requests(
    path: Path, frame: pd.DataFrame, time: str, seconds: FloatArray, options: FileOptions
) -> Loads:
    """Sum requests and their tokens up; the last bin, which may not be over, is left out."""
    step = options.bin_seconds or 60.0
    numbers, first, count = _numbers(path, seconds, step)
    counted: dict[str, FloatArray] = {REQUESTS: np.bincount(numbers, minlength=count) / step}
    for name, columns in ((PROMPT_TOKENS, PROMPT_COLUMNS), (OUTPUT_TOKENS, OUTPUT_COLUMNS)):
        column = next((one for one in columns if one in frame.columns and one != time), None)
        if column is not None:
            tokens = _values(path, frame, column)
            if np.isnan(tokens).any():
                row = int(np.flatnonzero(np.isnan(tokens))[0])
                raise LoadError(f"{path}, row {row + 1}: {column} of a request is missing")
            counted[name] = np.bincount(numbers, tokens, count) / step
    series = {name: values[: count - 1] for name, values in counted.items()}
    return _loads(path, series, step, (first + count - 1) * step, (PROMPT_TOKENS, OUTPUT_TOKENS))


def _of_bins(
    path: Path, frame: pd.DataFrame, time: str, seconds: FloatArray, options: FileOptions
) -> Loads:
    """Means over the rows of each bin."""
    latest = np.append(np.diff(seconds) > 0, True)  # of rows of the same time, the last counts
    native = _native_step(path, seconds[latest])
    step = options.bin_seconds or max(60.0, native)
    if step < native:
        raise LoadError(
            f"{path}: rows come every {native:g} s, so bins of {step:g} s cannot be had"
        )
    numbers, first, count = _numbers(path, seconds[latest], step)
    series = {}
    for column in _value_columns(path, frame, time, options):
        values = _values(path, frame, column)[latest]
        known = ~np.isnan(values)
        rows = np.bincount(numbers[known], minlength=count)
        sums = np.bincount(numbers[known], values[known], count)
        enough = rows * native >= step / 2
        series[column] = np.where(enough, sums / np.maximum(rows, 1), np.nan)
    prompt = next((name for name in PROMPT_COLUMNS if name in series), "")
    output = next((name for name in OUTPUT_COLUMNS if name in series), "")
    return _loads(path, series, step, (first + count) * step, (prompt, output))


def _loads(
    path: Path,
    series: dict[str, FloatArray],
    step: float,
    end_seconds: float,
    ratio_of: tuple[str, str],
) -> Loads:
    return Loads(
        name=path.name,
        series=series,
        bin_seconds=step,
        end_seconds=end_seconds,
        dated=end_seconds > _FIRST_DATE,
        ratio_of=ratio_of if all(name in series for name in ratio_of) else None,
    )


def _native_step(path: Path, seconds: FloatArray) -> float:
    """The distance that rows mostly have; the others must be gaps, and few."""
    distances = np.round(np.diff(seconds), 3)
    if len(distances) == 0:
        raise LoadError(f"{path}: all rows are of the same time")
    lengths, counts = np.unique(distances, return_counts=True)
    step = float(lengths[counts.argmax()])
    other = distances[distances != step]
    if len(other) > _MOST_UNEVEN * len(distances):
        raise LoadError(
            f"{path}: rows come every {step:g} s, but {len(other):,} of {len(distances):,} times "
            f"at another distance, such as {other[0]:g} s. Are rows requests (--rows requests), or "
            "is the resolution mixed? Then bring it to one."
        )
    return step


def _numbers(path: Path, seconds: FloatArray, step: float) -> tuple[IntArray, int, int]:
    """Number of each row's bin from the first on, the first bin's own, and how many there are."""
    span = (seconds[-1] - seconds[0]) / step
    if span > LONGEST_BINS:
        raise LoadError(
            f"{path} spans {span:,.0f} bins of {step:g} s, and at most {LONGEST_BINS:,} can be "
            "replayed. Is a time far off, or should --step be longer?"
        )
    bins = np.floor(seconds / step).astype(np.int64)
    numbers: IntArray = bins - bins[0]
    return numbers, int(bins[0]), int(numbers[-1]) + 1


def _value_columns(
    path: Path, frame: pd.DataFrame, time: str, options: FileOptions
) -> tuple[str, ...]:
    names = [str(name) for name in frame.columns if name != time]
    missing = [name for name in options.columns if name not in names]
    if missing:
        raise LoadError(f"{path} has no column {missing[0]!r}; there are {names}")
    if options.columns:
        return options.columns
    numeric = tuple(name for name in names if pd.api.types.is_numeric_dtype(frame[name]))
    if not numeric:
        raise LoadError(f"{path}: none of the columns {names} holds numbers")
    return numeric


def _values(path: Path, frame: pd.DataFrame, column: str) -> FloatArray:
    """A column as numbers that a load can be; missing is NaN."""
    if not pd.api.types.is_numeric_dtype(frame[column]):
        raise LoadError(f"{path}: column {column!r} does not hold numbers")
    values = np.asarray(frame[column].to_numpy(na_value=np.nan), dtype=np.float64)
    for wrong, words in (
        (np.isinf(values), "is infinite"),
        (values < 0, "is negative; a load cannot be. Is it a counter's difference?"),
    ):
        rows = np.flatnonzero(wrong)
        if len(rows):
            raise LoadError(f"{path}, row {int(rows[0]) + 1}: {column} {words}")
    return values
