"""What the client saw of each request, in memory and as parquet."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pd_e2e.loadgen.schedule import FloatArray, IntArray


class Outcome(StrEnum):
    """How a request ended, as its client saw it."""

    OK = "ok"
    HTTP_ERROR = "http_error"
    """An answer with another status than 200."""
    STREAM_ERROR = "stream_error"
    """An error event inside a stream that had begun with status 200."""
    SHORT = "short"
    """The stream ended without its end mark, or with fewer tokens than asked for."""
    RESET = "reset"
    """The connection was refused or broke."""
    TIMEOUT = "timeout"
    INTERRUPTED = "interrupted"
    """The generator was stopped before the answer was complete."""


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request. Seconds count from the start of the replay, by the client's steady clock.

    `ttft_seconds` is the time from sending to the first output token and `tpot_seconds` is
    (last token - first token) / (tokens - 1); both are NaN where the answer does not define them.
    """

    service: str
    scheduled_seconds: float
    sent_seconds: float
    finished_seconds: float
    input_tokens: int
    output_tokens: int
    prompt_tokens_counted: int
    output_tokens_received: int
    ttft_seconds: float
    tpot_seconds: float
    outcome: Outcome
    status: int
    detail: str

    @property
    def lag_seconds(self) -> float:
        """How late the generator sent the request: its own fault, not the service's."""
        return self.sent_seconds - self.scheduled_seconds

    def meets_ttft(self, seconds: float) -> bool:
        """Whether the request ended well and its first token came in time."""
        return self.outcome is Outcome.OK and self.ttft_seconds <= seconds

    def meets_tpot(self, seconds: float) -> bool:
        """Whether the request ended well and its tokens came fast enough.

        An answer of one token has no time per output token and meets any.
        """
        return self.outcome is Outcome.OK and not self.tpot_seconds > seconds


SCHEMA = pa.schema(
    [
        ("service", pa.dictionary(pa.int8(), pa.string())),
        ("scheduled_seconds", pa.float64()),
        ("sent_seconds", pa.float64()),
        ("finished_seconds", pa.float64()),
        ("input_tokens", pa.int32()),
        ("output_tokens", pa.int32()),
        ("prompt_tokens_counted", pa.int32()),
        ("output_tokens_received", pa.int32()),
        ("ttft_seconds", pa.float32()),
        ("tpot_seconds", pa.float32()),
        ("outcome", pa.dictionary(pa.int8(), pa.string())),
        ("status", pa.int16()),
        ("detail", pa.string()),
    ]
)


def write_records(
    path: Path, records: Iterable[RequestRecord], metadata: Mapping[str, str]
) -> None:
    """Write `records` to parquet, with `metadata` in the file's schema."""
    names = [field.name for field in fields(RequestRecord)]
    rows = list(records)
    columns = {name: [getattr(row, name) for row in rows] for name in names}
    table = pa.table(columns, schema=SCHEMA.with_metadata(dict(metadata)))
    pq.write_table(table, path, compression="zstd")


@dataclass(frozen=True, eq=False)
class RequestTable:
    """The columns of a records file that a judgment of the run needs.

    Arrays of equal length, one entry per request. `started_unix_seconds` is second 0.
    """

    started_unix_seconds: float
    scheduled_seconds: FloatArray
    sent_seconds: FloatArray
    finished_seconds: FloatArray
    ttft_seconds: FloatArray
    tpot_seconds: FloatArray
    input_tokens: IntArray
    output_tokens: IntArray
    ok: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ok)

    def where(self, kept: npt.NDArray[np.bool_]) -> "RequestTable":
        """The requests for which `kept` is true."""
        columns = {
            field.name: getattr(self, field.name)[kept]
            for field in fields(self)
            if field.name != "started_unix_seconds"
        }
        return RequestTable(started_unix_seconds=self.started_unix_seconds, **columns)

    def judged(self) -> "RequestTable":
        """Without the warm-up, which ends at second 0."""
        return self.where(self.scheduled_seconds >= 0)


STARTED = "started_unix_seconds"
"""Key of the start time in a records file's metadata."""


def read_records(path: Path) -> RequestTable:
    """Read a records file; raises ValueError for a parquet file that is none."""
    table = pq.read_table(path)
    metadata = table.schema.metadata or {}
    if STARTED.encode() not in metadata:
        message = f"{path} is no file of request records: its metadata lacks {STARTED}"
        raise ValueError(message)
    return RequestTable(
        started_unix_seconds=float(metadata[STARTED.encode()]),
        scheduled_seconds=_floats(table, "scheduled_seconds"),
        sent_seconds=_floats(table, "sent_seconds"),
        finished_seconds=_floats(table, "finished_seconds"),
        ttft_seconds=_floats(table, "ttft_seconds"),
        tpot_seconds=_floats(table, "tpot_seconds"),
        input_tokens=table["input_tokens"].to_numpy().astype(np.int64),
        output_tokens=table["output_tokens"].to_numpy().astype(np.int64),
        ok=np.asarray(table["outcome"].to_pylist()) == Outcome.OK.value,
    )


def _floats(table: pa.Table, name: str) -> FloatArray:
    column: FloatArray = table[name].to_numpy().astype(np.float64)
    return column
