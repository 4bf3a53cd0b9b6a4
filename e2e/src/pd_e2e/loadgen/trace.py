"""Reading traces: the bundled extract of counts and lengths, and files of single requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from pd_e2e.loadgen.schedule import FloatArray, IntArray, LengthPool

DAY_SECONDS = 86_400


@dataclass(frozen=True, eq=False)
class Trace:
    """Counts per bin and request lengths of several services.

    `requests[name][i]` arrived in bin i, which covers `i * bin_seconds` to
    `(i + 1) * bin_seconds` of the trace.
    """

    bin_seconds: float
    requests: Mapping[str, FloatArray]
    lengths: Mapping[str, LengthPool]

    @property
    def bins(self) -> int:
        """How many bins the trace has."""
        return len(next(iter(self.requests.values())))

    def of_days(self, days: Mapping[str, Sequence[int]]) -> "Trace":
        """These whole days of each service's counts, one after the other: as many of each."""
        bins = round(DAY_SECONDS / self.bin_seconds)
        chosen = {
            name: np.concatenate([self.requests[name][day * bins :][:bins] for day in numbers])
            for name, numbers in days.items()
        }
        return replace(self, requests=chosen)


def read_trace(folder: Path) -> Trace:
    """Read `counts.parquet` and the services' `lengths_*.parquet` of `folder`."""
    counts = pq.read_table(folder / "counts.parquet")
    names = counts.column_names
    return Trace(
        bin_seconds=float(counts.schema.metadata[b"bin_seconds"]),
        requests={name: counts[name].to_numpy().astype(np.float64) for name in names},
        lengths={name: read_lengths(folder / f"lengths_{name}.parquet") for name in names},
    )


def bundled_trace() -> Trace:
    """The extract that comes with the demo; its README says where it is from."""
    with as_file(files("pd_e2e.demo") / "data") as folder:
        return read_trace(folder)


def read_lengths(path: Path) -> LengthPool:
    """Read the columns `input_tokens` and `output_tokens` of a parquet file."""
    table = pq.read_table(path, columns=["input_tokens", "output_tokens"])
    return LengthPool(*(_integers(table[name]) for name in ("input_tokens", "output_tokens")))


def read_arrivals(path: Path) -> tuple[FloatArray, LengthPool]:
    """Read a file of single requests: arrival seconds in order, and their lengths."""
    arrivals: FloatArray = pq.read_table(path, columns=["arrival_s"])["arrival_s"].to_numpy()
    return arrivals, read_lengths(path)


def _integers(column: object) -> IntArray:
    return np.asarray(column, dtype=np.int64)
