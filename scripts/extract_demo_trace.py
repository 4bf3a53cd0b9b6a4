"""Cut the demo's small extract out of the shared Azure 2024 traces.

Reads, from `$PD_SHARED/traces` (default `../shared`), the real request counts per 10 s and the
thinned request files of two services, and writes into the demo's data folder

- `counts.parquet`: requests per 30 s of days 0 to 3, one column per service;
- `lengths_<service>.parquet`: (input, output) tokens of consecutive requests from hour 8 of day 3.

It prints the figures that the demo's README quotes, so that a reader can check them.
"""

import json
import os
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import typer

SERVICES = {"conversation": "azure2024_conv", "code": "azure2024_code"}
SOURCE_BIN_SECONDS = 10
BIN_SECONDS = 30
POOL_REQUESTS = 20_000
"""Enough that a replay at a quarter of the real rate meets no request twice."""

REPLAY_HOURS = (80, 96)
"""Hours 8 to 24 of day 3."""

ROOT = Path(__file__).resolve().parents[1]


def main(
    output: Annotated[Path, typer.Option(help="Folder to write into.")] = ROOT
    / "e2e/src/pd_e2e/demo/data",
) -> None:
    """Write the extract and print its figures."""
    traces = Path(os.environ.get("PD_SHARED", ROOT.parent / "shared")) / "traces"
    output.mkdir(parents=True, exist_ok=True)
    counts = {name: read_counts(traces, stem) for name, stem in SERVICES.items()}
    origins = {name: origin(traces, stem) for name, stem in SERVICES.items()}
    metadata = {"bin_seconds": str(BIN_SECONDS), "origins": json.dumps(origins)}
    table = pa.table({name: pa.array(values, pa.uint16()) for name, values in counts.items()})
    write(table.replace_schema_metadata(metadata), output / "counts.parquet")
    for name, stem in SERVICES.items():
        lengths = read_lengths(traces, stem)
        write(lengths, output / f"lengths_{name}.parquet")
        report(name, counts[name], lengths)


def read_counts(traces: Path, stem: str) -> np.ndarray:
    """Requests per 30 s, from the file of requests per 10 s."""
    column = pq.read_table(traces / f"{stem}_count10s_d0-3.parquet")["requests"].to_numpy()
    merged: np.ndarray = column.reshape(-1, BIN_SECONDS // SOURCE_BIN_SECONDS).sum(axis=1)
    return merged


def read_lengths(traces: Path, stem: str) -> pa.Table:
    """(input, output) tokens of the requests that follow hour 8 of day 3, in their order."""
    table = pq.read_table(traces / f"{stem}_thin25_d0-3.parquet")
    first = int(np.searchsorted(table["arrival_s"].to_numpy(), REPLAY_HOURS[0] * 3600))
    pool = table.slice(first, POOL_REQUESTS)
    return pa.table(
        {name: pool[name].cast(pa.uint16()) for name in ("input_tokens", "output_tokens")}
    )


def origin(traces: Path, stem: str) -> dict[str, str]:
    """What the source file says of where it comes from."""
    schema = pq.read_schema(traces / f"{stem}_count10s_d0-3.parquet")
    described: dict[str, str] = json.loads(schema.metadata[b"origin"])
    return described


def write(table: pa.Table, path: Path) -> None:
    """Write `table` with zstd, which suits small files of small integers."""
    pq.write_table(table, path, compression="zstd", compression_level=19)
    typer.echo(f"{path.name}: {table.num_rows} rows, {path.stat().st_size / 1000:.0f} kB")


def report(name: str, counts: np.ndarray, lengths: pa.Table) -> None:
    """Print the hourly rates of the replayed day and the mean lengths of the pool."""
    hourly = counts.reshape(-1, 3600 // BIN_SECONDS).mean(axis=1) / BIN_SECONDS
    replayed = hourly[slice(*REPLAY_HOURS)]
    typer.echo(
        f"{name}: requests/s by hour {np.round(replayed, 1).tolist()}, mean {replayed.mean():.1f}; "
        f"tokens in {lengths['input_tokens'].to_numpy().mean():.0f}, "
        f"out {lengths['output_tokens'].to_numpy().mean():.0f}"
    )


if __name__ == "__main__":
    typer.run(main)
