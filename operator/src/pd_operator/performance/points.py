"""From measured points to the tables of a profile."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from pd_operator.performance.profile import ProfileError
from pd_operator.performance.profile_format import SCHEMA
from pd_operator.performance.table import FloatArray

NEIGHBORS = 0.1
"""Coordinates that differ by less than this share are taken for one point of the axis."""

_MILLISECONDS = 1e3
_DIGITS = 4


@dataclass(frozen=True)
class PrefillPoint:
    """One pass over `prompts` prompts of `new_tokens` uncached tokens each took `seconds`."""

    new_tokens: float
    seconds: float
    prompts: float = 1.0


@dataclass(frozen=True)
class DecodePoint:
    """A step of `sequences` with `context_tokens` each took `seconds`."""

    sequences: float
    context_tokens: float
    seconds: float


@dataclass(frozen=True)
class ProfileFacts:
    """What a profile of one tensor-parallel size says beside its tables."""

    model: str
    gpu: str
    engine: str
    engine_version: str
    origin: str
    kv_bytes_per_token: int
    kv_tokens: int
    tensor_parallel_size: int = 1
    startup_seconds: int | None = None


def profile_document(
    facts: ProfileFacts, prefill: Sequence[PrefillPoint], decode: Sequence[DecodePoint]
) -> dict[str, object]:
    """A document in the format `pd-profile/1`.

    `ProfileError` where the points do not make a table: it names what is still to be measured.
    """
    worker: dict[str, object] = {
        "tensor_parallel_size": facts.tensor_parallel_size,
        "gpus": facts.tensor_parallel_size,
        "kv_tokens": facts.kv_tokens,
    }
    if facts.startup_seconds is not None:
        worker["startup_seconds"] = facts.startup_seconds
    worker["prefill"] = _prefill_table(prefill)
    worker["decode"] = _decode_table(decode)
    return {
        "schema": SCHEMA,
        "model": facts.model,
        "gpu": facts.gpu,
        "engine": facts.engine,
        "engine_version": facts.engine_version,
        "origin": facts.origin,
        "kv_bytes_per_token": facts.kv_bytes_per_token,
        "workers": [worker],
    }


def _prefill_table(points: Sequence[PrefillPoint]) -> dict[str, object]:
    """Passes of one prompt are needed; those of more prompts are taken where there are any."""
    lengths = _axis([point.new_tokens for point in points if point.prompts == 1])
    if len(lengths) < 2:
        raise ProfileError(
            f"prefill: passes of one prompt were measured at {_told(lengths)} new tokens; "
            "at least two lengths are needed"
        )
    prompts = _axis([point.prompts for point in points])
    grid = _grid(
        lengths, prompts, [(point.new_tokens, point.prompts, point.seconds) for point in points]
    )
    rows = [
        [None if np.isnan(cell) else round(_MILLISECONDS * cell, _DIGITS) for cell in row]
        for row in grid.tolist()
    ]
    return {"new_tokens": lengths, "prompts": prompts, "milliseconds": rows}


def _decode_table(points: Sequence[DecodePoint]) -> dict[str, object]:
    """Steps at every crossing of batches and contexts; those not measured are filled in."""
    sequences = _axis([point.sequences for point in points])
    contexts = _axis([point.context_tokens for point in points])
    for axis, what in ((sequences, "batch sizes"), (contexts, "context lengths")):
        if len(axis) < 2:
            raise ProfileError(
                f"decode: steps were measured at {_told(axis)} {what}; at least two are needed"
            )
    grid = _filled(
        sequences,
        contexts,
        _grid(sequences, contexts, [(p.sequences, p.context_tokens, p.seconds) for p in points]),
    )
    rows = [[round(_MILLISECONDS * cell, _DIGITS) for cell in row] for row in grid.tolist()]
    return {"sequences": sequences, "context_tokens": contexts, "milliseconds": rows}


def _told(axis: Sequence[float]) -> str:
    return f"{len(axis)} ({', '.join(f'{point:g}' for point in axis)})" if axis else "no"


def _axis(values: Sequence[float]) -> list[float]:
    """Distinct points, neighbors joined at their mean, in whole numbers where they were."""
    groups: list[list[float]] = []
    for value in sorted(values):
        if groups and value <= groups[-1][0] * (1 + NEIGHBORS):
            groups[-1].append(value)
        else:
            groups.append([value])
    return [round(sum(group) / len(group), 1) for group in groups]


def _grid(
    xs: Sequence[float], ys: Sequence[float], points: Sequence[tuple[float, float, float]]
) -> FloatArray:
    """The median of the points at each crossing; NaN where there is none."""
    cells: dict[tuple[int, int], list[float]] = {}
    for x, y, seconds in points:
        i, j = _nearest(xs, x), _nearest(ys, y)
        cells.setdefault((i, j), []).append(seconds)
    grid = np.full((len(xs), len(ys)), np.nan)
    for (i, j), found in cells.items():
        grid[i, j] = median(found)
    return grid


def _nearest(axis: Sequence[float], value: float) -> int:
    return min(range(len(axis)), key=lambda index: abs(axis[index] - value))


def _filled(xs: Sequence[float], ys: Sequence[float], grid: FloatArray) -> FloatArray:
    """Holes filled by t = a + b x + c x y (none negative), fitted to what was measured.

    Weights are read once a step (a), each sequence costs (b), and so does its context (c).
    """
    known = ~np.isnan(grid)
    x, y = np.meshgrid(np.asarray(xs), np.asarray(ys), indexing="ij")
    terms = np.stack([np.ones_like(x), x, x * y], axis=-1)
    weights = _least_relative_squares(terms[known], grid[known])
    return np.where(known, grid, terms @ weights)


def _least_relative_squares(terms: FloatArray, seconds: FloatArray) -> FloatArray:
    """Non-negative weights of the terms: the best of all subsets of them without a negative one."""
    best, least = np.zeros(terms.shape[1]), np.inf
    scaled = terms / seconds[:, np.newaxis]
    for chosen in ([0, 1, 2], [0, 1], [0, 2], [1, 2], [0], [1], [2]):
        found, *_ = np.linalg.lstsq(scaled[:, chosen], np.ones(len(seconds)), rcond=None)
        weights = np.zeros(terms.shape[1])
        weights[chosen] = found
        error = float(((scaled @ weights - 1) ** 2).sum())
        if (found >= 0).all() and error < least:
            best, least = weights, error
    return best
