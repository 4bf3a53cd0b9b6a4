"""Single requests from a file: one row each."""

from pathlib import Path

import numpy as np

from pd_operator.cli.traces.columns import (
    OUTPUT_COLUMNS,
    PROMPT_COLUMNS,
    needed_column,
    time_column,
)
from pd_operator.cli.traces.table import known_numbers, read_table
from pd_operator.cli.traces.times import as_seconds
from pd_operator.cli.traces.units import TimeOptions
from pd_operator.planning.load import ArrivedRequests


def read_requests(path: Path, times: TimeOptions) -> ArrivedRequests:
    """The requests of a trace, in order of arrival.

    `TraceError` or `PlanningError` says what is wrong with it.
    """
    frame = read_table(path)
    arrivals = as_seconds(frame[time_column(frame, path.name, times.column)], path.name, times.unit)
    prompts = needed_column(frame, path.name, "prompt tokens", PROMPT_COLUMNS)
    outputs = needed_column(frame, path.name, "output tokens", OUTPUT_COLUMNS)
    order = np.argsort(arrivals, kind="stable")
    return ArrivedRequests(
        arrivals[order],
        known_numbers(frame, prompts, path.name)[order],
        known_numbers(frame, outputs, path.name)[order],
    )
