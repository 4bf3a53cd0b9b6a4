"""Looks for a rhythm in a load's own history, in two steps, as AUTOPERIOD does.

AUTOPERIOD (Vlachos, Yu, Castelli 2005) takes a hint from the periodogram and believes it where the
series confirms it. Here the hint is a harmonic regression over some cycles, tested as Fisher (1929)
tests the largest ordinate of a periodogram; and what confirms it is that the first three quarters
of these cycles forecast the last.

A load that wanders has nearly all of its power at low frequencies, where any two humps look like a
rhythm. So the test counts no frequency but those of the rhythm's own band, of which few cycles have
few: two cycles must be alike to half a percent, six to a third.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pd_forecasting.base import FloatArray

SHORTEST_BINS = 8.0
"""Of a period: a half cycle of fewer bins than four is told from noise by none of them."""

LONGEST_WINDOW_BINS = 1440
"""Newest bins that are looked at: what a load was like before says little of its rhythm now."""

_CHANCE = 1e-4
"""At which a hint is believed. `python -m scripts.forecast_bench.seasons`: how often that errs."""

_KNOWN_SHARE = 0.9
"""Of the bins looked at: those missing are interpolated."""

_HARMONICS = 2
"""Of the regression: a wave, and that its rise and fall, peaks and troughs differ."""

_MINIMUM_CYCLES, _MAXIMUM_CYCLES, _CYCLES_APART = 1.75, 6.0, 0.125
"""Looked at: one cycle and three quarters are a quarter to forecast, and more than a cycle before.
More than six give up a rhythm that has just changed too late."""

_WINDOWS_APART = 1.1
"""Ratio of neighboring windows, less than that of neighboring numbers of cycles."""

_ROUNDING = 1e-6
"""Changes below this share of the level come from arithmetic."""

_POINTS = 64
"""That a window is brought to: ten for a cycle of the most."""

_FIRST_FORECAST = _POINTS * 3 // 4
"""The last quarter is forecast: nearly half a cycle of the fewest."""


@dataclass(frozen=True)
class Season:
    """A rhythm, as some cycles showed it.

    - `period_bins`: its length. `cycles`: how many were looked at.
    - `first_bin`: number of the first bin of these.
    """

    period_bins: float
    cycles: float
    first_bin: int


@dataclass(frozen=True, eq=False)
class _Projections:
    """What is the same for all windows: c numbers of cycles, p points, f of them to forecast from.

    - `cycles`: shape (c,). `frequencies`: half cycles in the band of each, (c,).
    - `waves`: an orthonormal basis of each rhythm, (p, c times 2 harmonics).
    - `forecasts`: from the first points of a window to the others, (f, c times (p - f)).
    """

    cycles: FloatArray
    frequencies: FloatArray
    waves: FloatArray
    forecasts: FloatArray


def find_season(roots: FloatArray, *, longest_bins: float, seen: int) -> Season | None:
    """The likeliest rhythm of the newest bins; None where none is beyond chance.

    `roots` are square roots of a load, NaN where missing, shape (n,), the last of `seen` bins.
    Periods looked for are those of `SHORTEST_BINS` to `longest_bins`.
    """
    lengths, windows = _windows(roots, longest_bins)
    if not len(lengths):
        return None
    fixed, least = _projections(), _least_shares()
    periods = lengths[:, None] / fixed.cycles
    explained = _explained(windows, fixed)
    hinted = (explained >= least) & (periods >= SHORTEST_BINS) & (periods <= longest_bins)
    if not hinted.any():
        return None
    believed = hinted & (_foretold(windows, fixed) >= least)
    if not believed.any():
        return None
    chance = chance_of(explained, fixed.frequencies)
    window, cycles = np.unravel_index(np.where(believed, chance, 2.0).argmin(), chance.shape)
    return Season(
        period_bins=float(periods[window, cycles]),
        cycles=float(fixed.cycles[cycles]),
        first_bin=seen - int(lengths[window]),
    )


def chance_of(share: FloatArray, frequencies: FloatArray) -> FloatArray:
    """How likely noise lets a rhythm explain such a share of the power in its band.

    Fisher's test, where each harmonic may have any two of the band's degrees of freedom, one of
    which the period takes: the tail of a beta distribution, in closed form.
    """
    left = (frequencies - 2 * _HARMONICS - 1) / 2
    total = np.zeros(np.broadcast(share, left).shape)
    term = np.ones_like(total)
    for harmonic in range(_HARMONICS):
        total = total + term
        term = term * share * (left + harmonic) / (harmonic + 1)
    chance: FloatArray = np.maximum(1 - share, 0.0) ** left * total
    return chance


def _windows(roots: FloatArray, longest_bins: float) -> tuple[FloatArray, FloatArray]:
    """Lengths of windows that end with the newest bin, (w,), and their means of points, (w, p)."""
    newest = roots[-LONGEST_WINDOW_BINS:]
    known = ~np.isnan(newest)
    most = min(len(newest), math.floor(longest_bins * _MAXIMUM_CYCLES))
    lengths = _ladder(most)
    missing = np.concatenate([[0], np.cumsum(~known[::-1])])
    lengths = lengths[missing[lengths] <= (1 - _KNOWN_SHARE) * lengths]
    if not len(lengths):
        return np.empty(0), np.empty((0, _POINTS))
    bins = np.arange(len(newest))
    filled = np.interp(bins, bins[known], newest[known])
    sums = np.concatenate([[0.0], np.cumsum(filled)])
    edges = len(newest) - lengths[:, None] * np.linspace(1.0, 0.0, _POINTS + 1)
    means = np.diff(np.interp(edges, np.arange(len(sums)), sums), axis=1)
    means *= _POINTS / lengths[:, None]
    changes = means - means.mean(axis=1, keepdims=True)
    still = np.abs(changes).max(axis=1) <= _ROUNDING * np.abs(means).max(axis=1)
    changes[still] = 0.0
    return lengths.astype(np.float64), changes


@lru_cache(maxsize=4096)
def _ladder(most: int) -> npt.NDArray[np.int64]:
    """Lengths up to `most` that hold the fewest cycles of the shortest period or more."""
    first = _MINIMUM_CYCLES * SHORTEST_BINS
    if most < first:
        return np.empty(0, dtype=np.int64)
    steps = math.floor(math.log(most / first) / math.log(_WINDOWS_APART) + 1e-9)
    lengths = np.ceil(first * _WINDOWS_APART ** np.arange(steps + 1)).astype(np.int64)
    return np.unique(lengths[lengths <= most])


@lru_cache(maxsize=1)
def _projections() -> _Projections:
    cycles = np.arange(_MINIMUM_CYCLES, _MAXIMUM_CYCLES + _CYCLES_APART / 2, _CYCLES_APART)
    moments = (np.arange(_POINTS) + 0.5) / _POINTS
    angles = 2 * np.pi * cycles[:, None, None] * moments[:, None] * np.arange(1, _HARMONICS + 1)
    terms = np.concatenate([np.cos(angles), np.sin(angles)], axis=2)
    leveled = np.concatenate([np.ones_like(terms[:, :, :1]), terms], axis=2)
    forecasts = leveled[:, _FIRST_FORECAST:] @ np.linalg.pinv(leveled[:, :_FIRST_FORECAST])
    waves = np.linalg.qr(terms - terms.mean(axis=1, keepdims=True))[0]
    return _Projections(
        cycles=cycles,
        frequencies=np.ceil(2 * _HARMONICS * cycles) + 1,
        waves=np.moveaxis(waves, 1, 0).reshape(_POINTS, -1),
        forecasts=np.moveaxis(forecasts, 2, 0).reshape(_FIRST_FORECAST, -1),
    )


@lru_cache(maxsize=1)
def _least_shares() -> FloatArray:
    """The share of the variance at which a rhythm is beyond chance, for each number of cycles."""
    shares = np.linspace(0.0, 1.0, 10_001)
    chance = chance_of(shares[:, None], _projections().frequencies)
    least: FloatArray = shares[(chance > _CHANCE).sum(axis=0)]
    return least


def _explained(windows: FloatArray, fixed: _Projections) -> FloatArray:
    """By what share of the variance each rhythm fits each window better than a constant, (w, c)."""
    fitted = ((windows @ fixed.waves) ** 2).reshape(len(windows), len(fixed.cycles), -1)
    return _share(fitted.sum(axis=2), (windows**2).sum(axis=1)[:, None])


def _foretold(windows: FloatArray, fixed: _Projections) -> FloatArray:
    """How much nearer to a window's last quarter the others' forecast is than their last value.

    For each rhythm, as a share of the variance, (w, c).
    """
    forecast = windows[:, :_FIRST_FORECAST] @ fixed.forecasts
    came = windows[:, None, _FIRST_FORECAST:]
    missed = (came - forecast.reshape(len(windows), len(fixed.cycles), -1)) ** 2
    held = (came - windows[:, None, _FIRST_FORECAST - 1, None]) ** 2
    return 1 - _share(missed.sum(axis=2), held.sum(axis=2))


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """`part / whole`; 0 of nothing."""
    share: FloatArray = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return share
