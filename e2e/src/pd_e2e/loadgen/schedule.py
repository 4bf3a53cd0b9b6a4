"""When which request arrives, and how long it is: plain arrays, drawn once before a replay."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Schedule:
    """Arrivals in order; four arrays of equal length.

    `seconds` counts from the start of the replay; negative seconds are a warm-up, which is played
    but not judged. `service` indexes `services`.
    """

    services: tuple[str, ...]
    seconds: FloatArray
    service: IntArray
    input_tokens: IntArray
    output_tokens: IntArray

    def __len__(self) -> int:
        return len(self.seconds)

    def limited_to(self, requests: int) -> "Schedule":
        """The first `requests` arrivals."""
        return Schedule(
            services=self.services,
            seconds=self.seconds[:requests],
            service=self.service[:requests],
            input_tokens=self.input_tokens[:requests],
            output_tokens=self.output_tokens[:requests],
        )


@dataclass(frozen=True, eq=False)
class LengthPool:
    """(input, output) tokens of consecutive requests of one service."""

    input_tokens: IntArray
    output_tokens: IntArray

    def take(self, count: int) -> tuple[IntArray, IntArray]:
        """The first `count` pairs, starting over at the pool's end."""
        index = np.arange(count) % len(self.input_tokens)
        return self.input_tokens[index], self.output_tokens[index]

    def shuffled(self, rng: np.random.Generator) -> "LengthPool":
        """The same pairs in a random order."""
        order = rng.permutation(len(self.input_tokens))
        return LengthPool(self.input_tokens[order], self.output_tokens[order])


def poisson_arrivals(
    edges_seconds: FloatArray, requests: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Arrivals of a Poisson process whose rate is constant within each bin.

    Bin i covers `edges_seconds[i]` to `edges_seconds[i + 1]` and expects `requests[i]` arrivals.
    Drawn by the inverse of the cumulative rate: given their number, the arrivals of a Poisson
    process are uniform in cumulative load (Cinlar 1975).
    """
    cumulative = np.concatenate(([0.0], np.cumsum(requests)))
    total = rng.poisson(cumulative[-1])
    at: FloatArray = np.sort(rng.uniform(0.0, cumulative[-1], total))
    arrivals: FloatArray = np.interp(at, cumulative, edges_seconds)
    return arrivals


def merge(
    services: Sequence[str], arrivals: Sequence[FloatArray], lengths: Sequence[LengthPool]
) -> Schedule:
    """One schedule out of several services' arrivals.

    The i-th request of a service takes the i-th pair of its pool.
    """
    drawn = [pool.take(len(times)) for times, pool in zip(arrivals, lengths, strict=True)]
    seconds = np.concatenate(arrivals)
    order = np.argsort(seconds, kind="stable")
    service = np.repeat(np.arange(len(services)), [len(times) for times in arrivals])
    return Schedule(
        services=tuple(services),
        seconds=seconds[order],
        service=service[order],
        input_tokens=np.concatenate([inputs for inputs, _ in drawn])[order],
        output_tokens=np.concatenate([outputs for _, outputs in drawn])[order],
    )
