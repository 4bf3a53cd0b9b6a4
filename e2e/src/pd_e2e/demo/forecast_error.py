"""How good the forecasts were that the operator acted on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from pd_e2e.demo.timeline import Band, ForecastSample, Timeline
from pd_e2e.loadgen.schedule import FloatArray
from pd_operator.api.roles import Role

Actual = Callable[[FloatArray], FloatArray]
"""The offered load of the bin that ends at each given second of the replay."""


@dataclass(frozen=True)
class ForecastErrors:
    """Sums of absolute errors over the same origins: of the median, and of the last value."""

    median: float
    last_value: float

    @property
    def relative_mae(self) -> float | None:
        """Mean absolute scaled error; below 1 beats the last value. None without origins."""
        return self.median / self.last_value if self.last_value > 0 else None

    def __add__(self, other: "ForecastErrors") -> "ForecastErrors":
        return ForecastErrors(self.median + other.median, self.last_value + other.last_value)


def forecasts_made(timeline: Timeline, role: Role) -> tuple[ForecastSample, ...]:
    """Every forecast once, although many samples show it, in the order they were made."""
    seen = {
        forecast.made_unix_seconds: forecast
        for sample in timeline
        if (forecast := sample.forecast(role)) is not None
    }
    return tuple(seen[made] for made in sorted(seen))


def forecast_errors(
    forecasts: Iterable[ForecastSample],
    quantity: Callable[[ForecastSample], Band],
    actual: Actual,
    *,
    started_unix_seconds: float,
    end_seconds: float,
) -> ForecastErrors:
    """Errors at the forecasts' own lead time.

    A forecast of second t for t + h is held against the actual load of the bin ending at t + h,
    and so is the actual load of the bin ending at t. Origins before second 0 and targets after
    `end_seconds` are left out.
    """
    made = [(f.made_unix_seconds - started_unix_seconds, f) for f in forecasts]
    scored = [(t, f) for t, f in made if t >= 0 and t + f.horizon_seconds <= end_seconds]
    origins = np.array([t for t, _ in scored])
    targets = origins + np.array([f.horizon_seconds for _, f in scored])
    medians = np.array([quantity(f).median for _, f in scored])
    came = actual(targets)
    return ForecastErrors(
        median=float(np.abs(medians - came).sum()),
        last_value=float(np.abs(actual(origins) - came).sum()),
    )
