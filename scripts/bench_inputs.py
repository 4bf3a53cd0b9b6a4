"""What benchmarks read: small extracts of public traces, described in `bench_data/README.md`."""

import csv
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

FOLDER = Path(__file__).parent / "bench_data"
MEASURED_ROWS = FOLDER / "measured_rows.csv"

SHARED = Path(os.environ.get("PD_SHARED", FOLDER.parents[1].parent / "shared"))
"""Where the whole traces are that some of the extracts were cut from."""

Columns = dict[str, npt.NDArray[np.float64]]


def columns(name: str) -> Columns:
    """The columns of `NAME.parquet` as floats, shape (rows,) each."""
    from pyarrow import parquet  # noqa: PLC0415 - speed is measured where nothing is loaded

    table = parquet.read_table(FOLDER / f"{name}.parquet")
    return {
        key: table.column(key).to_numpy().astype(np.float64)
        for key in table.schema.names
        if key != "hash_ids"
    }


def prompt_blocks(name: str) -> list[tuple[int, ...]]:
    """The hash of each block of each prompt's tokens, of a trace that has them."""
    from pyarrow import parquet  # noqa: PLC0415 - as above

    table = parquet.read_table(FOLDER / f"requests_{name}.parquet", columns=["hash_ids"])
    return [tuple(hashes) for hashes in table["hash_ids"].to_pylist()]


def measured_rows() -> Iterator[dict[str, str]]:
    """Runs of SGLang on real GPUs, by the columns' names."""
    with MEASURED_ROWS.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def whole_traces() -> Path:
    """The folder of whole traces, which are too large to ship; ends with a sentence without it."""
    folder = SHARED / "traces"
    if not folder.is_dir():
        sys.exit(f"there is no {folder}: set PD_SHARED to a folder that has the whole traces")
    return folder
