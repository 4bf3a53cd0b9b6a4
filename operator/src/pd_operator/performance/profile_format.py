"""Reads profiles in the JSON format `pd-profile/1` and its forerunner; docs/profiles.md has both.

Every worker brings tables of its own, so that they may have been measured at other points:
`prefill.milliseconds[new_tokens][prompts]`, `decode.milliseconds[sequences][context_tokens]` and,
where it is known, `prefix.milliseconds[new_tokens][cached_tokens]`.
"""

import numpy as np

from pd_operator.performance import seed_format
from pd_operator.performance.json_cursor import JsonCursor, read_document
from pd_operator.performance.profile import PerformanceProfile
from pd_operator.performance.surfaces import EngineSurfaces
from pd_operator.performance.table import FloatArray, MonotoneTable

SCHEMA = "pd-profile/1"
LONGEST_STARTUP_SECONDS = 86_400.0
MAXIMUM_KV_BYTES = 1 << 24
"""Of one token. The largest models have a few MiB; more is the cache of a whole prompt."""


def parse_profile(text: str | bytes, name: str) -> PerformanceProfile:
    """Read a profile and call it `name`.

    Raises `ProfileError` that names the profile, the cursor in the document and what was expected.
    """
    root = read_document(text, name)
    schema = root.member("schema").text()
    if schema == seed_format.SCHEMA:
        return seed_format.seed_profile(root)
    if schema != SCHEMA:
        root.member("schema").refuse(
            f"expected {SCHEMA!r} or {seed_format.SCHEMA!r}, found {schema!r}"
        )
    return _profile(root)


def _profile(root: JsonCursor) -> PerformanceProfile:
    kv_bytes = root.member("kv_bytes_per_token").whole(at_most=MAXIMUM_KV_BYTES)
    entries = root.member("workers").items()
    if not entries:
        root.member("workers").refuse("expected at least one worker, found none")
    workers: dict[int, EngineSurfaces] = {}
    for cursor in entries:
        worker = _worker(cursor, kv_bytes)
        if worker.tensor_parallel_size in workers:
            cursor.member("tensor_parallel_size").refuse("is there twice")
        workers[worker.tensor_parallel_size] = worker
    return PerformanceProfile(
        name=root.profile,
        model=root.member("model").text(),
        system=root.member("gpu").text(),
        engine=f"{root.member('engine').text()} {root.member('engine_version').text()}",
        origin=root.member("origin").text(),
        by_tensor_parallel_size=workers,
    )


def _worker(cursor: JsonCursor, kv_bytes_per_token: int) -> EngineSurfaces:
    size = cursor.member("tensor_parallel_size").whole()
    prefill = _prefill(cursor.member("prefill"))
    return EngineSurfaces(
        name=f"{cursor.profile} at TP{size}",
        tensor_parallel_size=size,
        gpus=cursor.member("gpus").whole() if cursor.has("gpus") else size,
        kv_capacity_tokens=cursor.member("kv_tokens").whole(),
        kv_bytes_per_token=kv_bytes_per_token,
        prefill=prefill,
        prefixed_prefill=_prefix(cursor, prefill),
        decode_step=_table(cursor.member("decode"), "sequences", "context_tokens"),
        startup_seconds=_startup(cursor),
    )


def _startup(worker: JsonCursor) -> float | None:
    if not worker.has("startup_seconds"):
        return None
    cursor = worker.member("startup_seconds")
    seconds = cursor.number()
    if not 0 < seconds <= LONGEST_STARTUP_SECONDS:
        cursor.refuse(f"expected seconds above 0 and up to a day, found {seconds:g}")
    return seconds


def _prefill(cursor: JsonCursor) -> MonotoneTable:
    """Where only passes of one prompt were measured, more prompts take so many times as long."""
    tokens, prompts = cursor.member("new_tokens").axis(), cursor.member("prompts").axis(at_least=1)
    if prompts[0] != 1:
        cursor.member("prompts").refuse(f"expected 1 as first point, found {prompts[0]:g}")
    seconds = cursor.member("milliseconds").grid(tokens, prompts, may_lack_batches=True)
    if len(prompts) == 1:
        prompts, seconds = (1.0, 2.0), np.hstack([seconds, 2 * seconds])
    return MonotoneTable.lifted(tokens, prompts, seconds)


def _prefix(worker: JsonCursor, prefill: MonotoneTable) -> MonotoneTable:
    """Passes after a cached prefix; reckoned from passes without one where not measured.

    The last tokens of a long prompt attend to all before them: they take what the long prompt
    takes more than its beginning alone.
    """
    if worker.has("prefix"):
        return _table(worker.member("prefix"), "new_tokens", "cached_tokens")
    new = np.asarray(prefill.xs)
    cached = np.asarray((0.0, *prefill.xs))
    after = prefill.at_each(new[:, np.newaxis] + cached, 1.0) - prefill.at_each(cached, 1.0)
    after[:, 0] = prefill.at_each(new, 1.0)
    alone: FloatArray = prefill.at_each(new, 1.0)[:, np.newaxis]
    return MonotoneTable.lifted(new.tolist(), cached.tolist(), np.maximum(after, alone))


def _table(cursor: JsonCursor, rows: str, columns: str) -> MonotoneTable:
    xs, ys = cursor.member(rows).axis(), cursor.member(columns).axis()
    return MonotoneTable.lifted(xs, ys, cursor.member("milliseconds").grid(xs, ys))
