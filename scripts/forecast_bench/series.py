"""The series that forecasters are judged on, cut from the shared traces."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MINUTE_SERIES = ("conv", "code", "conv25", "code25", "burstgpt")
AZURE_SERIES = MINUTE_SERIES[:4]
SERVEGEN_MODELS = ("m-large", "m-small", "deepseek-r1")
SERVEGEN_QUANTITIES = ("rate", "isl", "osl", "prefill", "decode")

WARM_UP_HOURS = 36.0
_DAY_MINUTES = 1440
_GAP_SHARE = 0.1
"""ServeGen windows below this share of the median rate are holes of the source, not load."""


@dataclass(frozen=True, eq=False)
class BenchSeries:
    """One load in regular bins.

    - `values`: shape (n,), NaN where the source has a hole.
    - `bin_minutes`: length of a bin.
    - `lead_minutes`: how far ahead it is forecast.
    """

    key: str
    values: FloatArray
    bin_minutes: int
    lead_minutes: tuple[int, ...]

    @property
    def horizons_steps(self) -> tuple[int, ...]:
        """`lead_minutes` in bins."""
        return tuple(lead // self.bin_minutes for lead in self.lead_minutes)

    @property
    def season_bins(self) -> int:
        """Bins of a day."""
        return _DAY_MINUTES // self.bin_minutes

    @property
    def first_origin(self) -> int:
        """Hour 36; the middle of a series that is shorter than three days."""
        return min(int(WARM_UP_HOURS * 60) // self.bin_minutes, len(self.values) // 2)

    @property
    def held(self) -> FloatArray:
        """The last known value at each bin: what "the last value" is inside a hole."""
        last_known = np.maximum.accumulate(
            np.where(np.isnan(self.values), 0, np.arange(len(self.values)))
        )
        held: FloatArray = self.values[last_known]
        return held


def all_keys() -> tuple[str, ...]:
    """Names of all series."""
    servegen = (f"servegen-{m}-{q}" for m in SERVEGEN_MODELS for q in SERVEGEN_QUANTITIES)
    return (*MINUTE_SERIES, *servegen)


def load(key: str) -> BenchSeries:
    """Read one series. `KeyError` for a name that is not in `all_keys`."""
    if key.startswith("servegen-"):
        model, _, quantity = key.removeprefix("servegen-").rpartition("-")
        return BenchSeries(key, _servegen(model)[quantity], 10, (10, 30))
    return BenchSeries(key, _MINUTES[key](), 1, (5, 10, 15))


def traces() -> Path:
    """Folder of the shared traces: `$PD_SHARED/traces`, by default beside the repository."""
    beside = Path(__file__).parents[2].parent / "shared"
    return Path(os.environ.get("PD_SHARED", beside)) / "traces"


def _columns(name: str) -> dict[str, FloatArray]:
    table = pq.read_table(traces() / f"{name}.parquet")
    return {
        column: table.column(column).to_numpy().astype(np.float64) for column in table.schema.names
    }


def _full_volume(service: str) -> FloatArray:
    """Requests per minute, from counts per 10 s."""
    counts = _columns(f"azure2024_{service}_count10s_d0-3")["requests"]
    minutes: FloatArray = counts.reshape(-1, 6).sum(axis=1)
    return minutes


def _thinned(service: str) -> FloatArray:
    """Requests per minute, from arrivals."""
    arrivals = _columns(f"azure2024_{service}_thin25_d0-3")["arrival_s"]
    minutes = 4 * _DAY_MINUTES
    counted = np.bincount((arrivals // 60).astype(np.int64), minlength=minutes)
    return counted[:minutes].astype(np.float64)


def _burstgpt() -> FloatArray:
    """Tokens per minute."""
    return _columns("burstgpt_week1_tokens1min_d0-3")["total_tokens"]


_MINUTES: dict[str, Callable[[], FloatArray]] = {
    "conv": lambda: _full_volume("conv"),
    "code": lambda: _full_volume("code"),
    "conv25": lambda: _thinned("conv"),
    "code25": lambda: _thinned("code"),
    "burstgpt": _burstgpt,
}

_SERVEGEN_DAYS = {"m-large": "0-6", "m-small": "0-13", "deepseek-r1": "0-0"}


def _servegen(model: str) -> dict[str, FloatArray]:
    """Per-window rate, mean lengths and token sums, of the requests whose lengths are known."""
    table = _columns(f"servegen_{model}_agg10min_d{_SERVEGEN_DAYS[model]}")
    requests = table["requests"]
    present = requests > _GAP_SHARE * np.median(requests)
    rate = np.where(present, requests, np.nan)
    prefill = np.where(present, table["input_tokens"], np.nan)
    decode = np.where(present, table["output_tokens"], np.nan)
    return {
        "rate": rate,
        "isl": prefill / rate,
        "osl": decode / rate,
        "prefill": prefill,
        "decode": decode,
    }
