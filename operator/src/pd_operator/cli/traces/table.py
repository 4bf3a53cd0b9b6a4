"""A file as a table: CSV, TSV or parquet."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pd_operator.cli.traces.errors import TraceError
from pd_operator.demand import FloatArray

MAXIMUM_ROWS = 50_000_000
SEPARATORS = {".csv": ",", ".tsv": "\t"}


def read_table(path: Path) -> pd.DataFrame:
    """The rows of a file, at least two; `TraceError` where it cannot be read."""
    frame = _frame(path)
    if len(frame) > MAXIMUM_ROWS:
        raise TraceError(f"{path} has more than {MAXIMUM_ROWS:,} rows; sum them up into bins first")
    if len(frame) < 2:
        raise TraceError(f"{path} has {len(frame)} rows; a load needs at least two")
    return frame


def numbers_of(frame: pd.DataFrame, column: str, file: str) -> FloatArray:
    """A column as numbers of at least 0, NaN where one is missing; `TraceError` names a bad row."""
    values = pd.to_numeric(frame[column], errors="coerce")
    strange = np.flatnonzero(values.isna() & frame[column].notna())
    if pd.api.types.is_bool_dtype(frame[column]):
        strange = np.arange(len(frame))
    if len(strange):
        row = int(strange[0])
        raise TraceError(
            f"{file}, row {row + 1}: {column} is {str(frame[column].iloc[row])!r}, which is no "
            "number"
        )
    numbers = np.asarray(values.to_numpy(na_value=np.nan), dtype=np.float64)
    for wrong, words in (
        (np.isinf(numbers), "is infinite"),
        (numbers < 0, "is negative; a load cannot be. Is it a counter's difference?"),
    ):
        rows = np.flatnonzero(wrong)
        if len(rows):
            raise TraceError(f"{file}, row {int(rows[0]) + 1}: {column} {words}")
    return numbers


def known_numbers(frame: pd.DataFrame, column: str, file: str) -> FloatArray:
    """The same of single requests, none of which may be missing."""
    numbers = numbers_of(frame, column, file)
    missing = np.flatnonzero(np.isnan(numbers))
    if len(missing):
        raise TraceError(f"{file}, row {int(missing[0]) + 1}: {column} of a request is missing")
    return numbers


def number_columns(frame: pd.DataFrame, names: Sequence[str]) -> tuple[str, ...]:
    """Those of the columns that hold numbers."""
    return tuple(name for name in names if pd.api.types.is_numeric_dtype(frame[name]))


def _frame(path: Path) -> pd.DataFrame:
    suffix = path.suffix.lower()
    if suffix != ".parquet" and suffix not in SEPARATORS and not path.is_dir():
        raise TraceError(f"a load or trace is .csv, .tsv or .parquet, not {path.name!r}")
    try:
        if suffix == ".parquet":
            return pd.read_parquet(path)
        return _separated(path, SEPARATORS.get(suffix, ","))
    except ImportError as error:
        raise TraceError(
            f"reading {path} needs pyarrow: pip install 'pd-operator[backtest]'"
        ) from error
    except (OSError, ValueError) as error:
        raise TraceError(f"{path} cannot be read: {error}") from error


def _separated(path: Path, separator: str) -> pd.DataFrame:
    with warnings.catch_warnings():
        # Rows longer than the first line; without `index_col` their first column becomes names.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            return pd.read_csv(
                path, sep=separator, nrows=MAXIMUM_ROWS + 1, encoding="utf-8-sig", index_col=False
            )
        except pd.errors.ParserWarning:
            raise ValueError("its rows have more columns than its first line names") from None
