"""Loads from a CSV or parquet file: one row a bin, or one row a request.

What is cleaned, and how: rows of the same time count once, the last of them; a bin of which fewer
than half of the rows are known is missing; a missing row is a missing bin and never zero, unless
rows are requests, where no row is no request. All else that makes no sense is an error that names
its row.
"""

from dataclasses import dataclass, field
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
from pd_operator.cli.backtesting.rows import Rows
from pd_operator.cli.traces.columns import (
    ARRIVAL_COLUMNS,
    OUTPUT_COLUMNS,
    PROMPT_COLUMNS,
    find_column,
    plain_name,
    time_column,
)
from pd_operator.cli.traces.table import known_numbers, number_columns, numbers_of, read_table
from pd_operator.cli.traces.times import FIRST_DATE_SECONDS, as_seconds
from pd_operator.cli.traces.units import TimeOptions
from pd_operator.demand import FloatArray
from pd_operator.demand.backtest import IntArray

_MAXIMUM_UNEVEN = 0.2


@dataclass(frozen=True)
class FileOptions:
    """How to read a file.

    - `times`: the column of times, and their unit.
    - `columns`: columns to replay; none takes every column of numbers.
    - `rows`: AUTO takes rows for requests where the times are called those of arrivals.
    - `bin_seconds`: length of a bin; None takes a minute, or the rows' distance where longer.
    """

    times: TimeOptions = field(default_factory=TimeOptions)
    columns: tuple[str, ...] = ()
    rows: Rows = Rows.AUTO
    bin_seconds: float | None = None


def read_file(path: Path, options: FileOptions) -> Loads:
    """Read a load; `TraceError` or `LoadError` where that is not possible or makes no sense."""
    frame = read_table(path)
    time = time_column(frame, path.name, options.times.column)
    seconds = as_seconds(frame[time], path.name, options.times.unit)
    if options.rows is Rows.REQUESTS or (
        options.rows is Rows.AUTO and plain_name(time) in ARRIVAL_COLUMNS
    ):
        return _of_requests(path, frame, seconds, options)
    _expect_sorted(frame, time, seconds, path)
    return _of_bins(path, frame, time, seconds, options)


def _expect_sorted(frame: pd.DataFrame, time: str, seconds: FloatArray, path: Path) -> None:
    back = np.flatnonzero(np.diff(seconds) < 0)
    if len(back):
        row = int(back[0]) + 1
        raise LoadError(
            f"{path.name}, row {row + 1}: time goes back from {frame[time].iloc[row - 1]} to "
            f"{frame[time].iloc[row]}; sort the rows by time"
        )


def _of_requests(
    path: Path, frame: pd.DataFrame, seconds: FloatArray, options: FileOptions
) -> Loads:
    """Sum requests and their tokens up; the last bin, which may not be over, is left out."""
    step = options.bin_seconds or 60.0
    order = np.argsort(seconds, kind="stable")
    numbers, first, count = _numbers(path, seconds[order], step)
    counted: dict[str, FloatArray] = {REQUESTS: np.bincount(numbers, minlength=count) / step}
    for name, columns in ((PROMPT_TOKENS, PROMPT_COLUMNS), (OUTPUT_TOKENS, OUTPUT_COLUMNS)):
        column = find_column(frame, columns)
        if column is not None:
            tokens = known_numbers(frame, column, path.name)[order]
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
        values = numbers_of(frame, column, path.name)[latest]
        known = ~np.isnan(values)
        rows = np.bincount(numbers[known], minlength=count)
        sums = np.bincount(numbers[known], values[known], count)
        enough = rows * native >= step / 2
        series[column] = np.where(enough, sums / np.maximum(rows, 1), np.nan)
    replayed = frame[list(series)]
    ratio_of = (
        find_column(replayed, PROMPT_COLUMNS) or "",
        find_column(replayed, OUTPUT_COLUMNS) or "",
    )
    return _loads(path, series, step, (first + count) * step, ratio_of)


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
        dated=end_seconds > FIRST_DATE_SECONDS,
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
    if len(other) > _MAXIMUM_UNEVEN * len(distances):
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
    numeric = number_columns(frame, names)
    if not numeric:
        raise LoadError(f"{path}: none of the columns {names} holds numbers")
    return numeric
