"""Cut what the benchmarks read out of the public traces and measured rows they come from.

Reads `$PD_SHARED` (default `../shared`): traces as parquet files, each with its origin in its
schema's metadata, and rows measured of SGLang. Writes `scripts/bench_data`, which the README there
describes. Nothing is rounded: the traces' arrivals are whole milliseconds, and counts are counts.
"""

import csv
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from scripts.bench_inputs import FOLDER, MEASURED_ROWS, SHARED, whole_traces

DAYS, DAY_MINUTES = 4, 1440
SERVICES = {"conv": "azure2024_conv", "code": "azure2024_code"}
TOKENS_PER_MINUTE = "burstgpt_week1_tokens1min_d0-3"
AGGREGATES = {"m-large": "0-6", "m-small": "0-13", "deepseek-r1": "0-0"}
"""Days of the files of requests and tokens per 10 minutes, by ServeGen's name of a model."""

REQUESTS = {
    "azure_2023_chat": ("azure2023_conv", 0, 12_000),
    "azure_2024_code": ("azure2024_code_thin25_d0-3", 60_000, 12_000),
    "azure_2024_chat": ("azure2024_conv_thin25_d0-3", 100_000, 12_000),
    "mooncake_chat": ("mooncake_conversation", 0, 12_031),
    "servegen_deepseek_r1": ("servegen_deepseek-r1_thin_d0-0", 200_000, 6_000),
}
"""File, requests before the first that is kept, and requests kept; by name of the extract."""

COLUMNS = ("model", "system", "tp", "concurrency", "isl", "osl", "tpot_ms")
MODELS = (
    ("Qwen/Qwen3-32B", "h100_sxm"),
    ("deepseek-ai/DeepSeek-R1", "h200_sxm"),
    ("meta-llama/Llama-3.1-8B-Instruct", "h200_sxm"),
    ("Qwen/Qwen3-235B-A22B-FP8", "h200_sxm"),
    ("Qwen/Qwen3.5-397B-A17B", "h200_sxm"),
)
"""Those of which there are rows and a profile."""


def main() -> None:
    """Write all files."""
    FOLDER.mkdir(exist_ok=True)
    write_minutes()
    write_aggregates()
    for name, (file, skip, count) in REQUESTS.items():
        write_requests(name, file, skip, count)
    write_measured_rows()


def write_minutes() -> None:
    """Requests per minute of two services, at full volume and thinned; tokens of a third."""
    sums = {name: full_volume(file) for name, file in SERVICES.items()}
    sums |= {f"{name}25": thinned(file) for name, file in SERVICES.items()}
    sums["burstgpt"] = read(TOKENS_PER_MINUTE)["total_tokens"].to_numpy()
    table = pa.table({name: pa.array(values, pa.int32()) for name, values in sums.items()})
    files = {name: f"{file}_count10s_d0-3" for name, file in SERVICES.items()}
    files |= {f"{name}25": f"{file}_thin25_d0-3" for name, file in SERVICES.items()}
    write(table, "minutes", files | {"burstgpt": TOKENS_PER_MINUTE})


def full_volume(file: str) -> npt.NDArray[np.int64]:
    """Requests per minute, from counts per 10 s."""
    counts = read(f"{file}_count10s_d0-3")["requests"].to_numpy().astype(np.int64)
    minutes: npt.NDArray[np.int64] = counts.reshape(-1, 6).sum(axis=1)
    return minutes


def thinned(file: str) -> npt.NDArray[np.int64]:
    """Requests per minute, from arrivals."""
    arrivals = read(f"{file}_thin25_d0-3")["arrival_s"].to_numpy()
    minutes = DAYS * DAY_MINUTES
    return np.bincount((arrivals // 60).astype(np.int64), minlength=minutes)[:minutes]


def write_aggregates() -> None:
    """Requests and tokens per 10 minutes, of three services."""
    for model, days in AGGREGATES.items():
        file = f"servegen_{model}_agg10min_d{days}"
        table = read(file).select(["requests", "input_tokens", "output_tokens"])
        write(table, f"servegen_{model}", {model: file})


def write_requests(name: str, file: str, skip: int, count: int) -> None:
    """Arrivals in milliseconds and lengths of consecutive requests; hashes of prompts if any."""
    table = read(file).slice(skip, count)
    columns = {
        "arrival_milliseconds": pa.array(
            np.rint(1000 * table["arrival_s"].to_numpy()).astype(np.int32)
        ),
        "input_tokens": table["input_tokens"],
        "output_tokens": table["output_tokens"],
    }
    if "hash_ids" in table.schema.names:
        columns["hash_ids"] = table["hash_ids"].cast(pa.list_(pa.int32()))
    write(pa.table(columns), f"requests_{name}", {name: file})


def read(file: str) -> pa.Table:
    """One trace."""
    return pq.read_table(whole_traces() / f"{file}.parquet")


def write(table: pa.Table, name: str, sources: Mapping[str, str]) -> None:
    """Write `table` in the encodings that suit it, with the origins of its sources."""
    origins = {key: origin(file) for key, file in sources.items()}
    path = FOLDER / f"{name}.parquet"
    hashes = "hash_ids.list.element"
    pq.write_table(
        table.replace_schema_metadata({"origins": json.dumps(origins)}),
        path,
        compression="zstd",
        compression_level=22,
        use_dictionary=["input_tokens", "output_tokens"],
        column_encoding={
            key: "BYTE_STREAM_SPLIT" if key == hashes else "DELTA_BINARY_PACKED"
            for key in (hashes, "arrival_milliseconds", *sources)
            if key.split(".")[0] in table.schema.names
        },
    )
    say(f"{path.name}: {table.num_rows} rows, {path.stat().st_size / 1000:.0f} kB")


def origin(file: str) -> dict[str, str]:
    """What a trace says of where it comes from."""
    schema = pq.read_schema(whole_traces() / f"{file}.parquet")
    described: dict[str, str] = json.loads(schema.metadata[b"origin"])
    return described


def write_measured_rows() -> None:
    """Runs of models that have a profile, one server doing prefill and decode; each once."""
    source = SHARED / "profiles" / "measured_sglang_rows.json"
    rows = sorted({kept for row in json.loads(source.read_text())["rows"] if (kept := run(row))})
    with MEASURED_ROWS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    say(f"{MEASURED_ROWS.name}: {len(rows)} rows, {MEASURED_ROWS.stat().st_size / 1000:.0f} kB")


def run(row: dict[str, Any]) -> tuple[Any, ...] | None:
    """The row's columns that are kept; None for one that is of no use."""
    if (row["model"], row["system"]) not in MODELS or row["mode"] != "agg":
        return None
    if not row["concurrency"]:
        return None
    tpot = round(row["tpot_ms"], 1)
    lengths = (row["isl"], row["osl"], tpot)
    return (row["model"], row["system"], row["agg"]["tp"], row["concurrency"], *lengths)


def say(line: str) -> None:
    """Show progress on the terminal."""
    print(line)  # noqa: T201 - progress on the terminal


if __name__ == "__main__":
    main()
