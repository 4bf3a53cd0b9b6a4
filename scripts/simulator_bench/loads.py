"""Loads to simulate: drawn ones, and pieces of real traces."""

import numpy as np
import numpy.typing as npt
from scripts.bench_inputs import columns

from pd_operator.simulation import Requests

_DAY_SECONDS = 86_400.0


def poisson(
    count: int, rate: float, *, prompt: float = 1155, output: float = 211, seed: int = 1
) -> Requests:
    """Poisson arrivals of `rate` per second, lognormal lengths with these means."""
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.exponential(1 / rate, count))
    return Requests.of(arrivals, _lognormal(rng, prompt, count), _lognormal(rng, output, count))


def day(count: int, *, seed: int = 1) -> Requests:
    """A day of `count` requests whose rate swings by half its mean, quietest at midnight."""
    rng = np.random.default_rng(seed)
    moments = np.linspace(0, _DAY_SECONDS, 1441)
    turns = 2 * np.pi * moments / _DAY_SECONDS
    # The integral of 1 - cos / 2: how much of the day's load has come by each moment.
    share = (turns - 0.5 * np.sin(turns)) / (2 * np.pi)
    arrivals = np.interp(np.sort(rng.random(count)), share, moments)
    return Requests.of(arrivals, _lognormal(rng, 1155, count), _lognormal(rng, 211, count))


def trace(name: str, *, speed: float = 1.0) -> Requests:
    """A piece of a real trace, played `speed` times as fast."""
    table = columns(f"requests_{name}")
    arrivals = table["arrival_milliseconds"] / 1000
    return Requests.of(
        (arrivals - arrivals[0]) / speed,
        np.maximum(table["input_tokens"], 1),
        np.maximum(table["output_tokens"], 1),
    )


def _lognormal(rng: np.random.Generator, mean: float, count: int) -> npt.NDArray[np.int32]:
    spread = 0.9
    drawn = rng.lognormal(np.log(mean) - spread**2 / 2, spread, count)
    return np.clip(drawn, 1, 32_768).astype(np.int32)
