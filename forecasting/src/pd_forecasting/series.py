"""Samples made into the regular bins that forecasters take; `samples` says what is cleaned."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from pd_forecasting.base import FloatArray
from pd_forecasting.samples import MOST_BINS, Cleaning, Samples

_COVERED = 0.5
"""Share of a bin that a counter must have been watched for."""

_SILENT_BINS = 5
_EDGE = 1e-6
"""Part of a bin by which a time may miss an edge through rounding and still be on it."""


@dataclass(frozen=True, eq=False)
class Series:
    """A load in regular bins, oldest first.

    Bin i is of the time (start + i step, start + (i + 1) step]; `start_seconds` is a multiple of
    the step, so series of the same step lie on the same bins. `values` has shape (bins,); NaN is
    missing. Its first and last bins are known, unless there is none at all.
    """

    start_seconds: float
    step_seconds: float
    values: FloatArray
    cleaning: Cleaning

    @property
    def end_seconds(self) -> float:
        """Where the last bin ends."""
        return self.start_seconds + len(self.values) * self.step_seconds

    @classmethod
    def of_samples(
        cls,
        times_seconds: npt.ArrayLike,
        values: npt.ArrayLike,
        step_seconds: float,
        *,
        end_seconds: float | None = None,
        most_bins: int = MOST_BINS,
    ) -> Self:
        """Mean of the samples of a gauge or a rate in each bin, in the samples' unit.

        Only whole bins: those that end by `end_seconds`, by default the last sample's time.
        """
        samples = Samples.cleaned(
            times_seconds, values, step_seconds, end_seconds=end_seconds, most_bins=most_bins
        )
        return cls.of_cleaned(samples, step_seconds)

    @classmethod
    def of_cleaned(cls, samples: Samples, step_seconds: float) -> Self:
        """As `of_samples`, of samples that are clean already."""
        bins, place = np.unique(_bin_of(samples.times, step_seconds), return_inverse=True)
        counts = np.bincount(place)
        means = np.bincount(place, samples.values / counts[place]).astype(np.float64)
        return cls._of_bins(bins, means, samples, step_seconds)

    @classmethod
    def of_counter(
        cls,
        times_seconds: npt.ArrayLike,
        values: npt.ArrayLike,
        step_seconds: float,
        *,
        longest_silence_seconds: float | None = None,
        end_seconds: float | None = None,
        most_bins: int = MOST_BINS,
    ) -> Self:
        """Rate at which a cumulative counter grew in each bin, per second.

        Between two samples growth is taken to be even, unless they are further apart than
        `longest_silence_seconds`, by default five bins.
        """
        samples = Samples.cleaned(
            times_seconds, values, step_seconds, end_seconds=end_seconds, most_bins=most_bins
        )
        if len(samples.times) < 2:
            return cls._of_bins(np.empty(0), np.empty(0), samples, step_seconds)
        growth = np.diff(samples.values)
        fell = growth < 0
        growth[fell] = samples.values[1:][fell]
        cleaning = replace(samples.cleaning, resets=int(np.count_nonzero(fell)))
        silence = longest_silence_seconds
        bins, rates = _rates(
            samples.times,
            growth,
            step_seconds,
            _SILENT_BINS * step_seconds if silence is None else silence,
        )
        return cls._of_bins(bins, rates, replace(samples, cleaning=cleaning), step_seconds)

    @classmethod
    def _of_bins(
        cls, bins: FloatArray, values: FloatArray, samples: Samples, step_seconds: float
    ) -> Self:
        """The series that has `values` at the ascending numbers `bins`, and holes elsewhere."""
        whole = (bins + 1) * step_seconds <= samples.end_seconds + _EDGE * step_seconds
        bins, values = bins[whole], values[whole]
        if not len(bins):
            return cls(samples.end_seconds, step_seconds, np.empty(0), samples.cleaning)
        filled = np.full(int(bins[-1] - bins[0]) + 1, np.nan)
        filled[(bins - bins[0]).astype(np.int64)] = values
        return cls(float(bins[0]) * step_seconds, step_seconds, filled, samples.cleaning)


def _bin_of(times: FloatArray, step_seconds: float) -> FloatArray:
    """Number of each time's bin, counted from time zero; an edge is of the bin it ends."""
    return np.asarray(np.ceil(times / step_seconds - _EDGE) - 1, dtype=np.float64)


def _rates(
    times: FloatArray, growth: FloatArray, step_seconds: float, silence: float
) -> tuple[FloatArray, FloatArray]:
    """Numbers of the bins that were watched long enough, and the growth per second in them."""
    apart = np.diff(times)
    heard = apart <= silence
    first, last = _bin_of(times[[0, -1]], step_seconds)
    edges = np.arange(first, last + 2, dtype=np.float64) * step_seconds
    watched = np.diff(np.interp(edges, times, _summed(np.where(heard, apart, 0.0))))
    grown = np.diff(np.interp(edges, times, _summed(np.where(heard, growth, 0.0))))
    enough = watched >= _COVERED * step_seconds
    bins = np.arange(first, last + 1, dtype=np.float64)[enough]
    return bins, np.maximum(grown[enough], 0.0) / watched[enough]


def _summed(parts: FloatArray) -> FloatArray:
    """Running sum that begins with 0."""
    return np.concatenate([np.zeros(1), np.cumsum(parts)])
