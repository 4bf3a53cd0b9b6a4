"""Which column of a file holds what: the names that people and public traces give them."""

from collections.abc import Sequence

import pandas as pd

from pd_operator.cli.traces.errors import TraceError
from pd_operator.cli.traces.units import ENDINGS

ARRIVAL_COLUMNS = (
    *(f"arrival_{unit}" for unit in ENDINGS),
    *("arrival_time", "arrival_timestamp", "arrival"),
)
"""Times of single requests."""

TIME_COLUMNS = (
    *ARRIVAL_COLUMNS,
    *(f"{name}_{unit}" for name in ("time", "timestamp", "t") for unit in ENDINGS),
    *("time", "timestamp", "t", "datetime", "date"),
)
"""In order of preference: a name with a unit says more than one without."""

PROMPT_COLUMNS = (
    *("prompt_tokens", "input_tokens", "context_tokens", "contexttokens", "request_tokens"),
    *("isl", "prompt_len", "prompt_length", "input_len", "input_length"),
)
"""As this project, Azure's traces, BurstGPT, Mooncake and SGLang's benchmarks write them."""

OUTPUT_COLUMNS = (
    *("output_tokens", "generated_tokens", "generatedtokens", "response_tokens"),
    *("osl", "output_len", "output_length"),
)
"""From the same places as `PROMPT_COLUMNS`."""


def time_column(frame: pd.DataFrame, file: str, asked: str | None = None) -> str:
    """The column of times: the one asked for, else the first of `TIME_COLUMNS` that is there."""
    if asked is not None:
        if asked not in frame.columns:
            raise TraceError(f"{file}: no column is called {asked!r}; there are {_names(frame)}")
        return asked
    found = find_column(frame, TIME_COLUMNS)
    if found is None:
        raise TraceError(
            f"{file}: none of the columns {_names(frame)} is one of times; name it with --time, or "
            "call it 'timestamp'"
        )
    return found


def needed_column(frame: pd.DataFrame, file: str, what: str, names: Sequence[str]) -> str:
    """The column of one of these names; `TraceError` tells of `what` where there is none."""
    found = find_column(frame, names)
    if found is None:
        raise TraceError(f"{file} has no column of {what}: one of {', '.join(names)}")
    return found


def find_column(frame: pd.DataFrame, names: Sequence[str]) -> str | None:
    """The column of the first of these names, capitals and spaces aside."""
    by_name = {plain_name(str(column)): str(column) for column in reversed(frame.columns)}
    return next((by_name[name] for name in names if name in by_name), None)


def plain_name(column: str) -> str:
    """`Request tokens` is `request_tokens`."""
    return column.strip().lower().replace(" ", "_")


def _names(frame: pd.DataFrame) -> list[str]:
    return [str(column) for column in frame.columns]
