"""The command line of `sglang serve`: the real flags, and nothing else.

A simulator that swallowed any flag would let an operator ship one that the real server refuses.
So the whole list of SGLang 0.5.23 stands in `data/server_flags.tsv`, and argparse refuses the rest.
"""

import argparse
import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from pd_operator.api.roles import Role

_SIZE_SUFFIXES = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)(Ki|Mi|Gi|Ti|k|M|G|T|)")
_DEFAULT_CHUNK_TOKENS = 8192
_DEFAULT_CONTEXT_TOKENS = 131072
_DEFAULT_RUNNING_REQUESTS = 2048


@dataclass(frozen=True)
class ServerArguments:
    """What the simulator uses of the command line; `everything` is what `/server_info` reports.

    `chunk_tokens` and `pass_tokens` bound one prefill pass; a `chunk_tokens` of None is a server
    without chunked prefill. `kv_tokens` of None leaves the KV capacity to the profile.
    """

    everything: Mapping[str, Any]
    launch_command: str
    model_path: str
    served_model_name: str
    host: str
    port: int
    role: Role
    bootstrap_port: int
    transfer_backend: str
    role_switch: bool
    tensor_parallel_size: int
    chunk_tokens: int | None
    pass_tokens: int
    kv_tokens: int | None
    context_tokens: int
    running_requests: int
    reserved_decode_tokens: int
    retraction_backup: str | None
    stream_interval: int
    decode_log_interval: int
    radix_cache: bool
    decode_radix_cache: bool
    metrics: bool
    extra_metric_labels: Mapping[str, str]
    ttft_buckets: tuple[float, ...] | None
    itl_buckets: tuple[float, ...] | None
    e2e_buckets: tuple[float, ...] | None


def server_parser() -> argparse.ArgumentParser:
    """The argument parser of SGLang 0.5.23's server."""
    parser = argparse.ArgumentParser(
        prog="sglang serve",
        description="Engine simulator with the command line of SGLang 0.5.23. "
        "Flags that change no timing are accepted and reported, not obeyed.",
    )
    for row in _flag_rows():
        _add_flag(parser, row)
    return parser


def parse_server_arguments(argv: Sequence[str]) -> ServerArguments:
    """Parse `argv` as the real server does: exit code 2 on a flag or value it does not know."""
    parser = server_parser()
    command = list(argv)
    if command and not command[0].startswith("-"):
        command.insert(0, "--model-path")
    values = vars(parser.parse_args(command))
    if values["config"] is not None:
        parser.error("the engine simulator reads no --config file; pass the flags themselves")
    if values["disaggregation_mode"] == "null":
        parser.error("the engine simulator serves --disaggregation-mode prefill or decode only")
    if values["disaggregation_mode"] == "prefill" and (
        values["disaggregation_transfer_backend"] == "fake"
    ):
        parser.error("Prefill server does not support 'fake' as the transfer backend")
    return _arguments(values, " ".join(argv))


def _arguments(values: dict[str, Any], launch_command: str) -> ServerArguments:
    role = Role(values["disaggregation_mode"])
    if role is Role.DECODE:
        # A decode has no prefix cache unless asked, whatever the other flags say.
        values["disable_radix_cache"] = not values["disaggregation_decode_enable_radix_cache"]
    if values["served_model_name"] is None:
        values["served_model_name"] = values["model_path"]
    chunk = values["chunked_prefill_size"]
    if chunk is None:
        chunk = values["chunked_prefill_size"] = _DEFAULT_CHUNK_TOKENS
    return ServerArguments(
        everything=values,
        launch_command=launch_command,
        model_path=values["model_path"],
        served_model_name=values["served_model_name"],
        host=values["host"],
        port=values["port"],
        role=role,
        bootstrap_port=values["disaggregation_bootstrap_port"],
        transfer_backend=values["disaggregation_transfer_backend"],
        role_switch=values["enable_pd_role_switch"],
        tensor_parallel_size=values["tp_size"],
        chunk_tokens=chunk if chunk > 0 else None,
        pass_tokens=values["max_prefill_tokens"],
        kv_tokens=values["max_total_tokens"],
        context_tokens=values["context_length"] or _DEFAULT_CONTEXT_TOKENS,
        running_requests=values["max_running_requests"] or _DEFAULT_RUNNING_REQUESTS,
        reserved_decode_tokens=values["num_reserved_decode_tokens"],
        retraction_backup=values["disaggregation_decode_retraction_backup"],
        stream_interval=max(1, values["stream_interval"]),
        decode_log_interval=values["decode_log_interval"],
        radix_cache=not values["disable_radix_cache"],
        decode_radix_cache=values["disaggregation_decode_enable_radix_cache"],
        metrics=values["enable_metrics"],
        extra_metric_labels=values["extra_metric_labels"] or {},
        ttft_buckets=_buckets(values["bucket_time_to_first_token"]),
        itl_buckets=_buckets(values["bucket_inter_token_latency"]),
        e2e_buckets=_buckets(values["bucket_e2e_request_latency"]),
    )


def _buckets(edges: list[float] | None) -> tuple[float, ...] | None:
    return None if edges is None else tuple(edges)


def _flag_rows() -> Iterator[dict[str, str]]:
    table = (files("pd_e2e.engine") / "data" / "server_flags.tsv").read_text(encoding="utf-8")
    lines = (line for line in table.splitlines() if not line.startswith("#"))
    return csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)


def _add_flag(parser: argparse.ArgumentParser, row: Mapping[str, str]) -> None:
    options = row["options"].split(",")
    common: dict[str, Any] = {
        "dest": row["destination"],
        "default": json.loads(row["default"]),
        "required": row["destination"] == "model_path",
    }
    match row["kind"]:
        case "switch":
            parser.add_argument(*options, action="store_true", **common)
        case "toggle":
            parser.add_argument(*options, action=argparse.BooleanOptionalAction, **common)
        case kind:
            if row["nargs"]:
                common["nargs"] = row["nargs"]
            if row["choices"]:
                common["choices"] = row["choices"].split("|")
            if kind == "integer" and "choices" in common:
                common["choices"] = [int(choice) for choice in common["choices"]]
            parser.add_argument(*options, type=_READERS[kind], **common)


def _size(text: str) -> int:
    """An integer that may carry an SI or IEC suffix: `8192`, `8k`, `8Ki`."""
    match = _SIZE.fullmatch(text.strip())
    if match is None or ("." in match[1] and len(match[2]) != 1):
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer with an optional suffix")
    return int(float(match[1]) * _SIZE_SUFFIXES[match[2]])


_READERS: dict[str, Callable[[str], Any]] = {
    "text": str,
    "integer": int,
    "number": float,
    "json": json.loads,
    "size": _size,
}
