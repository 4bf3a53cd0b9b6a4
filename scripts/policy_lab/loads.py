"""Requests for the lab: drawn from a rate, or cut from whole traces."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scripts.bench_inputs import whole_traces

from pd_operator.demand import FloatArray
from pd_operator.simulation import Requests

_DAY_SECONDS = 86_400.0
_BLOCK = 50
"""Requests whose lengths are taken together from a trace: neighbors are alike."""


@dataclass(frozen=True)
class Lengths:
    """Mean tokens, lognormal with the coefficient of variation `variation`; 0: all alike."""

    prompt: float
    output: float
    variation: float = 0.0


def drawn_arrivals(
    rate: Callable[[FloatArray], FloatArray], span_seconds: float, rng: np.random.Generator
) -> FloatArray:
    """Poisson arrivals whose rate per second at each moment is `rate`."""
    moments = np.arange(0.0, span_seconds + 1.0)
    expected = np.concatenate([[0.0], np.cumsum(rate(moments[:-1] + 0.5))])
    count = rng.poisson(expected[-1])
    drawn = np.sort(rng.uniform(0, expected[-1], count))
    return np.asarray(np.interp(drawn, expected, moments))


def drawn_tokens(
    means: FloatArray, variation: float, rng: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Tokens around the mean of each request."""
    variance = np.log1p(variation**2)
    drawn = means * rng.lognormal(-variance / 2, np.sqrt(variance), len(means))
    return np.clip(np.rint(drawn), 1, 32_768).astype(np.int64)


def steady_lengths(arrivals: FloatArray, lengths: Lengths, rng: np.random.Generator) -> Requests:
    """Requests whose lengths do not depend on the time."""
    prompt = drawn_tokens(np.full(len(arrivals), lengths.prompt), lengths.variation, rng)
    output = drawn_tokens(np.full(len(arrivals), lengths.output), lengths.variation, rng)
    return Requests.of(arrivals, prompt, output)


def blended_lengths(
    arrivals: FloatArray,
    one: Lengths,
    other: Lengths,
    share: FloatArray,
    rng: np.random.Generator,
) -> Requests:
    """Each request is of the `other` kind with its `share`, else of `one`."""
    is_other = rng.random(len(arrivals)) < share
    prompt = np.where(is_other, other.prompt, one.prompt)
    output = np.where(is_other, other.output, one.output)
    variation = max(one.variation, other.variation)
    return Requests.of(
        arrivals, drawn_tokens(prompt, variation, rng), drawn_tokens(output, variation, rng)
    )


def squeezed_days(
    service: str, days: tuple[int, int], speed: float, share: float, rng: np.random.Generator
) -> Requests:
    """A `share` of the first to the last of `days` of a thinned Azure 2024 service, sped up."""
    arrivals, prompt, output = _thinned(service)
    first, last = days
    begin, end = (int(np.searchsorted(arrivals, day * _DAY_SECONDS)) for day in (first, last + 1))
    rows = begin + np.flatnonzero(rng.random(end - begin) < share)
    return Requests.of((arrivals[rows] - first * _DAY_SECONDS) / speed, prompt[rows], output[rows])


def hours(
    service: str, begin_hour: float, end_hour: float, share: float, rng: np.random.Generator
) -> Requests:
    """A `share` of an Azure 2024 service's full volume, in real time.

    Real counts in bins of 10 s, thinned by lot, spread evenly in their bin; lengths in blocks from
    the same service's thinned trace.
    """
    bins = slice(int(begin_hour * 360), int(end_hour * 360))
    counts = rng.binomial(_counts(service)[bins].astype(np.int64), share)
    arrivals = np.repeat(10.0 * np.arange(len(counts)), counts)
    arrivals = np.sort(arrivals + rng.uniform(0, 10.0, len(arrivals)))
    _, prompt, output = _thinned(service)
    blocks = rng.integers(0, len(prompt) - _BLOCK, -(-len(arrivals) // _BLOCK))
    rows = (blocks[:, None] + np.arange(_BLOCK)).ravel()[: len(arrivals)]
    return Requests.of(arrivals, prompt[rows], output[rows])


@cache
def _thinned(service: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    from pyarrow import parquet  # noqa: PLC0415 - only real traces need it

    table = parquet.read_table(
        whole_traces() / f"azure2024_{service}_thin25_d0-3.parquet",
        columns=["arrival_s", "input_tokens", "output_tokens"],
    )
    arrivals, prompt, output = (column.to_numpy() for column in table.columns)
    return arrivals, np.maximum(prompt, 1), np.maximum(output, 1)


@cache
def _counts(service: str) -> FloatArray:
    from pyarrow import parquet  # noqa: PLC0415 - only real traces need it

    table = parquet.read_table(whole_traces() / f"azure2024_{service}_count10s_d0-3.parquet")
    return np.asarray(table.column("requests").to_numpy())
