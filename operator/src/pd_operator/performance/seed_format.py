"""Reads the JSON format `pd-seed-profile/1`, refusing what is not one with the path of the fault.

The format: `axes` names the points of each axis; `tp.<n>` holds, for tensor-parallel size n,
`prefill_ms[isl][prefill_batch]`, `decode_ms[decode_batch][ctx]`, `prefix_prefill_ms[new][prefix]`
(milliseconds), `kv_tokens` and `gpus`; `kv_bytes_per_token_total` is of all ranks together.
A prefill pass that was not computed is null, which only passes of several prompts may be.
"""

from pd_operator.performance.json_cursor import JsonCursor
from pd_operator.performance.profile import PerformanceProfile
from pd_operator.performance.surfaces import EngineSurfaces
from pd_operator.performance.table import MonotoneTable

SCHEMA = "pd-seed-profile/1"


def seed_profile(root: JsonCursor) -> PerformanceProfile:
    """Read a document of this format."""
    axes = root.member("axes")
    kv_bytes = root.member("kv_bytes_per_token_total").whole()
    workers = {
        _tensor_parallel_size(cursor): _surfaces(cursor, axes, kv_bytes)
        for cursor in root.member("tp").members()
    }
    if not workers:
        root.member("tp").refuse("expected at least one tensor-parallel size, found none")
    return PerformanceProfile(
        name=root.profile,
        model=root.member("model").text(),
        system=root.member("system").text(),
        engine=f"{root.member('backend').text()} {root.member('backend_version').text()}",
        origin=root.member("origin").text(),
        by_tensor_parallel_size=workers,
    )


def _tensor_parallel_size(cursor: JsonCursor) -> int:
    key = cursor.path.rpartition(".")[2]
    if not key.isdecimal() or int(key) < 1:
        cursor.refuse("expected a tensor-parallel size of at least 1 as key")
    return int(key)


def _surfaces(worker: JsonCursor, axes: JsonCursor, kv_bytes_per_token: int) -> EngineSurfaces:
    prompt, prompts = axes.member("isl").axis(), axes.member("prefill_batch").axis()
    sequences, context = axes.member("decode_batch").axis(), axes.member("ctx").axis()
    new, prefix = axes.member("new").axis(), axes.member("prefix").axis()
    prefill = worker.member("prefill_ms").grid(prompt, prompts, may_lack_batches=True)
    decode = worker.member("decode_ms").grid(sequences, context)
    prefixed = worker.member("prefix_prefill_ms").grid(new, prefix)
    size = _tensor_parallel_size(worker)
    return EngineSurfaces(
        name=f"{worker.profile} at TP{size}",
        tensor_parallel_size=size,
        gpus=worker.member("gpus").whole(),
        kv_capacity_tokens=worker.member("kv_tokens").whole(),
        kv_bytes_per_token=kv_bytes_per_token,
        prefill=MonotoneTable.lifted(prompt, prompts, prefill),
        prefixed_prefill=MonotoneTable.lifted(new, prefix, prefixed),
        decode_step=MonotoneTable.lifted(sequences, context, decode),
    )
