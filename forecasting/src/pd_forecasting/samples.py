"""Samples as they come from the world, made into ones that can be reckoned with.

| input | what is made of it |
|---|---|
| samples in any order | put where their time says |
| several samples of one time | the one given last counts, the others are `repeated` |
| NaN, infinite, negative or above `LARGEST` | no measurement: dropped, counted as `impossible` |
| samples after `end_seconds` | dropped, counted as `ahead` |
| samples more than `most_bins` before the end, as after a year's gap | dropped, `forgotten` |
| samples of a bin that was used already (`SampledForecaster`) | dropped, counted as `late` |
| a time without a sample | a missing bin, NaN, never zero |
| a counter that falls | it began again at zero: the new value is what was added; `resets` |
| a counter silent for longer than `longest_silence_seconds` | missing bins |
| coarser samples than bins | gauge: bins between are missing; counter: spread evenly |
| finer samples than bins | gauge: their mean; counter: all that was added |
| times that are not finite, arrays that do not match, an impossible step | `BadSeriesError` |
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from pd_forecasting.base import FloatArray
from pd_forecasting.errors import BadSeriesError

LARGEST = 1e18
"""No load is larger; what is, was not measured."""

MOST_BINS = 14 * 1440
"""Two weeks of minutes: how far back a series reaches at most."""

_MOST_STEPS = 1e14
"""Bins since time zero beyond which a float no longer tells neighbours apart."""


@dataclass(frozen=True)
class Cleaning:
    """How many samples were left out, and why; and how often a counter began again."""

    impossible: int = 0
    repeated: int = 0
    late: int = 0
    ahead: int = 0
    forgotten: int = 0
    resets: int = 0

    @property
    def dropped(self) -> int:
        """Samples left out."""
        return self.impossible + self.repeated + self.late + self.ahead + self.forgotten


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples that can be, one for each time, ascending; shapes (n,).

    `end_seconds` is how far the world was watched: the time given, or the last sample's.
    """

    times: FloatArray
    values: FloatArray
    end_seconds: float
    cleaning: Cleaning

    @classmethod
    def cleaned(
        cls,
        times_seconds: npt.ArrayLike,
        values: npt.ArrayLike,
        step_seconds: float,
        *,
        end_seconds: float | None = None,
        most_bins: int = MOST_BINS,
    ) -> Self:
        """Clean samples that are to be put into bins of `step_seconds` (see the module's table).

        Without `end_seconds` one stamp far in the future makes all others `forgotten`: who has a
        clock should tell it.
        """
        times, loads = _arrays(times_seconds, values)
        _check(times, step_seconds, end_seconds, most_bins)
        possible = np.isfinite(loads) & (loads >= 0) & (loads <= LARGEST)
        end = _end_of(times[possible], end_seconds)
        early = times <= end
        recent = times > end - most_bins * step_seconds
        kept = possible & early & recent
        order = np.argsort(times[kept], kind="stable")
        ascending, sound = times[kept][order], loads[kept][order]
        newest = np.append(np.diff(ascending) > 0, np.ones(min(len(sound), 1), dtype=bool))
        cleaning = Cleaning(
            impossible=int(np.count_nonzero(~possible)),
            repeated=int(np.count_nonzero(~newest)),
            ahead=int(np.count_nonzero(possible & ~early)),
            forgotten=int(np.count_nonzero(possible & early & ~recent)),
        )
        return cls(ascending[newest], sound[newest], end, cleaning)


def _arrays(times: npt.ArrayLike, values: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    try:
        moments = np.asarray(times, dtype=np.float64)
        loads = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadSeriesError(f"times and values must be numbers: {error}") from error
    if moments.ndim != 1 or moments.shape != loads.shape:
        raise BadSeriesError(
            f"every value needs its time, found {moments.shape} times for {loads.shape} values"
        )
    return moments, loads


def _check(
    times: FloatArray, step_seconds: float, end_seconds: float | None, most_bins: int
) -> None:
    if not (math.isfinite(step_seconds) and step_seconds > 0):
        raise BadSeriesError(f"a bin must last longer than 0 s, found {step_seconds}")
    if most_bins < 1:
        raise BadSeriesError(f"a series has at least one bin, found {most_bins}")
    if end_seconds is not None and not math.isfinite(end_seconds):
        raise BadSeriesError(f"a series must end at some time, found {end_seconds}")
    if not np.isfinite(times).all():
        raise BadSeriesError("a sample without a finite time belongs to no bin")
    if len(times) and np.abs(times).max() > _MOST_STEPS * step_seconds:
        raise BadSeriesError(
            f"times up to {np.abs(times).max():g} s cannot be told apart by bins of "
            f"{step_seconds:g} s: are they seconds?"
        )


def _end_of(times: FloatArray, end_seconds: float | None) -> float:
    if end_seconds is not None:
        return end_seconds
    return float(times.max()) if len(times) else 0.0
