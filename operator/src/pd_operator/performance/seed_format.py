"""Reads the JSON format `pd-seed-profile/1`, refusing what is not one with the path of the fault.

The format: `axes` names the points of each axis; `tp.<n>` holds, for tensor-parallel size n,
`prefill_ms[isl][prefill_batch]`, `decode_ms[decode_batch][ctx]`, `prefix_prefill_ms[new][prefix]`
(milliseconds), `kv_tokens` and `gpus`; `kv_bytes_per_token_total` is of all ranks together.
A prefill pass that was not computed is null, which only passes of several prompts may be.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NoReturn

import numpy as np

from pd_operator.performance.profile import PerformanceProfile, ProfileError
from pd_operator.performance.surfaces import EngineSurfaces
from pd_operator.performance.table import FloatArray, MonotoneTable

SCHEMA = "pd-seed-profile/1"
_MILLISECONDS = 1e-3


def parse_profile(text: str | bytes, name: str) -> PerformanceProfile:
    """Read a profile and call it `name`.

    Raises `ProfileError` that names the profile, the place in the document and what was expected.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProfileError(f"profile {name!r} is not JSON: {error}") from error
    root = _Place(name, "", document)
    schema = root.member("schema").text()
    if schema != SCHEMA:
        root.member("schema").refuse(f"expected {SCHEMA!r}, found {schema!r}")
    axes = root.member("axes")
    kv_bytes = root.member("kv_bytes_per_token_total").whole()
    workers = {
        _tensor_parallel_size(place): _surfaces(place, axes, kv_bytes)
        for place in root.member("tp").members()
    }
    if not workers:
        root.member("tp").refuse("expected at least one tensor-parallel size, found none")
    return PerformanceProfile(
        name=name,
        model=root.member("model").text(),
        system=root.member("system").text(),
        engine=f"{root.member('backend').text()} {root.member('backend_version').text()}",
        origin=root.member("origin").text(),
        by_tensor_parallel_size=workers,
    )


def _tensor_parallel_size(place: "_Place") -> int:
    key = place.path.rpartition(".")[2]
    if not key.isdecimal() or int(key) < 1:
        place.refuse("expected a tensor-parallel size of at least 1 as key")
    return int(key)


def _surfaces(worker: "_Place", axes: "_Place", kv_bytes_per_token: int) -> EngineSurfaces:
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


@dataclass(frozen=True)
class _Place:
    """A value in the document together with its path, so that every refusal can name it."""

    profile: str
    path: str
    value: object

    def refuse(self, why: str) -> NoReturn:
        raise ProfileError(f"profile {self.profile!r}: {self.path or 'document'}: {why}")

    def member(self, key: str) -> "_Place":
        place = _Place(self.profile, f"{self.path}.{key}".lstrip("."), None)
        mapping = self._mapping()
        if key not in mapping:
            place.refuse("is missing")
        return _Place(self.profile, place.path, mapping[key])

    def members(self) -> list["_Place"]:
        return [self.member(str(key)) for key in self._mapping()]

    def _mapping(self) -> Mapping[str, object]:
        if not isinstance(self.value, dict):
            self.refuse(f"expected an object, found {_kind(self.value)}")
        return self.value

    def text(self) -> str:
        if not isinstance(self.value, str):
            self.refuse(f"expected text, found {_kind(self.value)}")
        return self.value

    def whole(self) -> int:
        if isinstance(self.value, bool) or not isinstance(self.value, int) or self.value < 1:
            self.refuse(f"expected a whole number of at least 1, found {_kind(self.value)}")
        return self.value

    def items(self, length: int | None = None) -> list["_Place"]:
        if not isinstance(self.value, list):
            self.refuse(f"expected a list, found {_kind(self.value)}")
        if length is not None and len(self.value) != length:
            self.refuse(
                f"expected {length} entries, one per point of its axis, found {len(self.value)}"
            )
        return [
            _Place(self.profile, f"{self.path}[{i}]", item) for i, item in enumerate(self.value)
        ]

    def number(self) -> float:
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            self.refuse(f"expected a number, found {_kind(self.value)}")
        if not math.isfinite(self.value) or self.value < 0:
            self.refuse(f"expected a finite number of at least 0, found {self.value}")
        return float(self.value)

    def axis(self) -> tuple[float, ...]:
        points = tuple(item.number() for item in self.items())
        if len(points) < 2:
            self.refuse(f"expected at least two points, found {len(points)}")
        if any(later <= earlier for earlier, later in pairwise(points)):
            self.refuse("expected points in ascending order")
        return points

    def grid(
        self,
        rows: tuple[float, ...],
        columns: tuple[float, ...],
        *,
        may_lack_batches: bool = False,
    ) -> FloatArray:
        """Seconds, one row per point of `rows` and one column per point of `columns`.

        Where a batch of prompts may be lacking, it takes as long as its prompts one by one:
        batching gains nothing where prompts are long, and only such passes are left out.
        """
        seconds = np.empty((len(rows), len(columns)))
        for i, row in enumerate(self.items(len(rows))):
            for j, cell in enumerate(row.items(len(columns))):
                if cell.value is None and may_lack_batches and j > 0:
                    seconds[i, j] = seconds[i, j - 1] * columns[j] / columns[j - 1]
                    continue
                seconds[i, j] = cell.number() * _MILLISECONDS
                if seconds[i, j] <= 0:
                    cell.refuse("expected more than 0 milliseconds")
        return seconds


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case dict():
            return "an object"
        case list():
            return "a list"
        case str():
            return f"the text {value!r}"
        case _:
            return str(value)
