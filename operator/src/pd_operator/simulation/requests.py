"""What is asked of a simulated service."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from pd_operator.demand import FloatArray
from pd_operator.simulation.prefixes import Prefixes

IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Requests:
    """Requests, one entry of each column per request, shape (n,); in order of arrival to simulate.

    - `arrival_seconds`: from the start of the simulation.
    - `prompt_tokens`: at least one each.
    - `cached_tokens`: of the prompt, those that a prefill worker finds in its prefix cache; at
      least one token is always left to compute.
    - `output_tokens`: at least one each; the first comes from the prefill.
    - `prefixes`: what the prompts begin with. Then no `cached_tokens` are given: each prefill
      worker has a cache of its own, and finds what it has computed. None: they are found anywhere.
    """

    arrival_seconds: FloatArray
    prompt_tokens: IntArray
    output_tokens: IntArray
    cached_tokens: IntArray
    prefixes: Prefixes | None = None

    @classmethod
    def of(
        cls,
        arrival_seconds: npt.ArrayLike,
        prompt_tokens: npt.ArrayLike,
        output_tokens: npt.ArrayLike,
        cached_tokens: npt.ArrayLike = 0,
        prefixes: Prefixes | None = None,
    ) -> Self:
        """Make requests of array-likes; a scalar stands for all requests.

        Raises `ValueError` for columns of unequal length, arrivals that are negative, not finite
        or out of order, and tokens that are no counts or out of their range.
        """
        arrivals = np.atleast_1d(np.asarray(arrival_seconds, dtype=np.float64))
        if arrivals.ndim != 1:
            raise ValueError(f"arrivals have one dimension, not {arrivals.ndim}")
        if not np.isfinite(arrivals).all() or (arrivals < 0).any():
            raise ValueError("arrivals are finite and not negative")
        if (np.diff(arrivals) < 0).any():
            raise ValueError("arrivals are in ascending order")
        prompt = _counts("prompt tokens", prompt_tokens, arrivals.shape, at_least=1)
        output = _counts("output tokens", output_tokens, arrivals.shape, at_least=1)
        cached = _counts("cached tokens", cached_tokens, arrivals.shape, at_least=0)
        if (cached >= prompt).any():
            raise ValueError("fewer tokens are cached than the prompt has: one is always computed")
        if prefixes is not None:
            _expect_prefixes(prefixes, prompt, cached)
        return cls(arrivals, prompt, output, cached, prefixes)

    def __len__(self) -> int:
        return len(self.arrival_seconds)

    @property
    def span_seconds(self) -> float:
        """From the start of the simulation to the last arrival; 0 without requests."""
        return float(self.arrival_seconds[-1]) if len(self) else 0.0

    def rows(self, numbers: npt.NDArray[np.intp]) -> Self:
        """Requests of these numbers, in their order."""
        return type(self)(
            self.arrival_seconds[numbers],
            self.prompt_tokens[numbers],
            self.output_tokens[numbers],
            self.cached_tokens[numbers],
            self.prefixes and self.prefixes.rows(numbers),
        )

    def part(self, start: int, stop: int) -> Self:
        """Requests `start` to `stop`, not included, at their own times."""
        rows = slice(start, stop)
        return type(self)(
            self.arrival_seconds[rows],
            self.prompt_tokens[rows],
            self.output_tokens[rows],
            self.cached_tokens[rows],
            self.prefixes and self.prefixes.part(start, stop),
        )


def _expect_prefixes(prefixes: Prefixes, prompt: IntArray, cached: IntArray) -> None:
    if len(prefixes.blocks) != len(prompt):
        raise ValueError(f"prefixes: {len(prefixes.blocks)} entries for {len(prompt)} requests")
    if cached.any():
        raise ValueError("with prefixes, what is cached is found by the workers, not given")
    longest = np.fromiter(map(len, prefixes.blocks), dtype=np.int64, count=len(prompt))
    if (longest * prefixes.block_tokens >= prompt + prefixes.block_tokens).any():
        raise ValueError("prefixes: more blocks than the prompt has tokens for")


def _counts(name: str, values: npt.ArrayLike, shape: tuple[int, ...], at_least: int) -> IntArray:
    """Whole numbers of `shape`; `ValueError` names what is wrong with them."""
    given = np.asarray(values)
    if given.ndim and given.shape != shape:
        raise ValueError(f"{name}: {given.shape} entries for {shape} requests")
    if not np.issubdtype(given.dtype, np.number) or not np.isfinite(given).all():
        raise ValueError(f"{name}: expected finite numbers")
    if given.size and (given.min() < at_least or given.max() > np.iinfo(np.int32).max):
        raise ValueError(
            f"{name}: expected at least {at_least}, found {given.min()} to {given.max()}"
        )
    return np.broadcast_to(given.astype(np.int32), shape)
