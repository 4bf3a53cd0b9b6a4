"""Loads to simulate: drawn ones, and pieces of real traces."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pd_operator.simulation import Requests

_ROOT = Path(__file__).parent.parent.parent
_DAY_SECONDS = 86_400.0


def traces() -> Path:
    """Folder of the traces: `$PD_SHARED/traces`."""
    return Path(os.environ.get("PD_SHARED", _ROOT.parent / "shared")) / "traces"


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


def trace(name: str, count: int, *, speed: float = 1.0, skip: int = 0) -> Requests:
    """`count` requests of a trace after the first `skip`, played `speed` times as fast."""
    from pyarrow import parquet  # noqa: PLC0415 - only real traces need it

    table = parquet.read_table(
        traces() / f"{name}.parquet", columns=["arrival_s", "input_tokens", "output_tokens"]
    ).slice(skip, count)
    arrivals, prompt, output = (column.to_numpy() for column in table.columns)
    return Requests.of(
        (arrivals - arrivals[0]) / speed, np.maximum(prompt, 1), np.maximum(output, 1)
    )


def _lognormal(rng: np.random.Generator, mean: float, count: int) -> npt.NDArray[np.int32]:
    spread = 0.9
    drawn = rng.lognormal(np.log(mean) - spread**2 / 2, spread, count)
    return np.clip(drawn, 1, 32_768).astype(np.int32)
