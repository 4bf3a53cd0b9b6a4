"""The series that forecasters are judged on, cut from public traces."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scripts.bench_inputs import columns

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MINUTE_SERIES = ("conv", "code", "conv25", "code25", "burstgpt")
AZURE_SERIES = MINUTE_SERIES[:4]
SERVEGEN_MODELS = ("m-large", "m-small", "deepseek-r1")
LONG_SERVICES = SERVEGEN_MODELS[:2]
"""Those of a week or more."""

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
    return BenchSeries(key, columns("minutes")[key], 1, (5, 10, 15))


def _servegen(model: str) -> dict[str, FloatArray]:
    """Per-window rate, mean lengths and token sums, of the requests whose lengths are known."""
    table = columns(f"servegen_{model}")
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
