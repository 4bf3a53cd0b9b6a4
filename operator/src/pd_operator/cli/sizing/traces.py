"""Reads requests from a file: CSV or parquet, one row each, columns by their usual names."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from pd_operator.demand.arrays import FloatArray
from pd_operator.planning.errors import PlanningError
from pd_operator.planning.load import ArrivedRequests

_ARRIVAL = ("arrival_s", "arrival_seconds", "arrival_time", "timestamp", "time", "t_s")
"""Names as this project, Azure's public traces, BurstGPT and SGLang's benchmarks write them."""

_PROMPT = ("prompt_tokens", "input_tokens", "contexttokens", "request tokens", "isl", "input_len")
_OUTPUT = ("output_tokens", "generatedtokens", "response tokens", "osl", "output_len")


def read_trace(path: Path) -> ArrivedRequests:
    """The requests of a trace, in order of arrival; `PlanningError` says what is wrong with it."""
    if not path.is_file():
        raise PlanningError(f"there is no trace {str(path)!r}")
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        columns = _parquet(path)
    elif suffix in (".csv", ".tsv"):
        columns = _csv(path, "\t" if suffix == ".tsv" else ",")
    else:
        raise PlanningError(f"a trace is .csv, .tsv or .parquet, not {path.name!r}")
    arrivals = _seconds(path, _column(path, columns, "arrival", _ARRIVAL))
    prompts = _numbers(path, _column(path, columns, "prompt tokens", _PROMPT))
    outputs = _numbers(path, _column(path, columns, "output tokens", _OUTPUT))
    order = np.argsort(arrivals, kind="stable")
    return ArrivedRequests(arrivals[order], prompts[order], outputs[order])


def _parquet(path: Path) -> Mapping[str, Sequence[object]]:
    try:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415 - an extra, needed here only
    except ImportError:
        raise PlanningError("reading parquet needs pyarrow: pip install pyarrow") from None
    try:
        table = parquet.read_table(path)
    except (ArrowException, OSError) as error:
        raise PlanningError(f"{path.name} is no parquet file: {error}") from None
    wanted = {*_ARRIVAL, *_PROMPT, *_OUTPUT}
    names = [name for name in table.column_names if name.lower() in wanted]
    return {name.lower(): table[name].to_pylist() for name in names}


def _csv(path: Path, delimiter: str) -> Mapping[str, Sequence[object]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file, delimiter=delimiter))
    except (UnicodeDecodeError, csv.Error) as error:
        raise PlanningError(f"{path.name} is no CSV file: {error}") from None
    if not rows:
        raise PlanningError(f"{path.name} is empty")
    names, body = [name.strip().lower() for name in rows[0]], [row for row in rows[1:] if row]
    uneven = next((i for i, row in enumerate(body, 2) if len(row) != len(names)), None)
    if uneven is not None:
        raise PlanningError(f"{path.name}, row {uneven}: expected {len(names)} columns")
    return {name: [row[i] for row in body] for i, name in enumerate(names)}


def _column(
    path: Path, columns: Mapping[str, Sequence[object]], what: str, names: Iterable[str]
) -> Sequence[object]:
    found = next((columns[name] for name in names if name in columns), None)
    if found is None:
        raise PlanningError(f"{path.name} has no column of {what}: one of {', '.join(names)}")
    return found


def _numbers(path: Path, values: Sequence[object]) -> FloatArray:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        strange = next(value for value in values if not _is_number(value))
        raise PlanningError(f"{path.name}: {strange!r} is no number") from None


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _seconds(path: Path, values: Sequence[object]) -> FloatArray:
    """Seconds from any start: numbers are seconds, else dates and times."""
    if all(_is_number(value) for value in values[:10]):
        return _numbers(path, values)
    try:
        times = [_moment(value) for value in values]
    except ValueError:
        raise PlanningError(f"{path.name}: arrivals are seconds, or dates and times") from None
    return np.asarray(times, dtype=np.float64)


def _moment(value: object) -> float:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value)[:26])
    return moment.timestamp()
