"""The losses of experts, and how much of the forecast each expert gets for them.

Which expert is best? The loss of an expert is the geometric mean of two discounted mean absolute
errors, one over about an hour of minutes and one over about a working day. The long one tells an
expert that is always a little better; the short one tells an expert that has just become bad. An
expert whose loss is a share r above the least one gets (1 + r)^-SHARPNESS of its weight. Weights by
discounted losses: Stock and Watson (2004), after Bates and Granger (1969).

Is it better than the last value at all? The loss of every expert but the last value is raised by
what its advantage over the last value may owe to chance: a quantile of Student's t times the
standard error of the advantage (Diebold and Mariano 1995), over a day of minutes.
"""

from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Self

import numpy as np
import numpy.typing as npt

from pd_forecasting.base import FloatArray
from pd_forecasting.discounting import discounted

_HALF_LIVES_BINS = (60, 480)
"""An hour and a working day of minutes. `python -m scripts.forecast_bench.sweep` varies it."""

_SHARPNESS = 24
"""Power of the ratio of losses. `python -m scripts.forecast_bench.sweep` shows the plateau."""

_MINIMUM_SHARE = 0.1
"""Experts below this share of the best one's weight get none: many small errors add up.

`python -m scripts.forecast_bench.sweep` shows the plateau."""

_ADVANTAGE_HALF_LIFE_BINS = 1440
"""A day of minutes: long enough to tell an advantage of a few percent from chance."""

_CONFIDENCE = 0.995
"""One-sided, of one expert: chance lifts any of ten in one case of twenty (Bonferroni)."""

_ERRORS_PER_FREEDOM = 20
"""Neighboring errors are correlated: they share bins, and rough times last. This many of them count
as one independent error. `python -m scripts.forecast_bench.sweep` shows the plateau."""

_TRIAL_ERRORS = 60
"""After this many errors an expert's record can tell skill from luck.

Experts that are there from the first bin on are averages, which are trusted before that: what they
owe to chance counts by the square of the share of the trial that is over. An expert that joins
later, because it has to learn first, gets no weight before its trial is over. An hour of minutes.
"""

_PRIOR_ERRORS = 5.0
"""How many errors the prior loss counts for: the fewest bins that are forecast from."""

_PRIOR_LOSS = 1.05
"""Loss of an expert without a record, over the last value's.

In between what averages lose (0.8) and what they may lose at worst (1.3 on the series of
`make bench-forecast`), and above 1 so that the last value is preferred to an unknown expert."""


@dataclass(frozen=True, eq=False)
class ExpertLosses:
    """Discounted sums over past errors of k experts after each of m bins, at h horizons or at one.

    The first expert is the last value. Its advantage over itself is none.

    - `losses`, `counts`: of absolute errors, and how many, by either memory, shape (2, h, k, m).
    - `advantages`, `squares`, `compared`: by how much the last value's absolute error was larger
      than the expert's, the squares of that, and how many, shape (h, k, m).
    """

    losses: FloatArray
    counts: FloatArray
    advantages: FloatArray
    squares: FloatArray
    compared: FloatArray

    @classmethod
    def none(cls, *experts: int) -> Self:
        """Nothing known yet; `experts` is k, or h and k."""
        nothing = np.zeros((*experts, 1))
        of_either = np.zeros((len(_HALF_LIVES_BINS), *experts, 1))
        return cls(of_either, of_either, nothing, nothing, nothing)

    def of(self, horizons: slice) -> Self:
        """Of these horizons only."""
        return type(self)(
            self.losses[:, horizons],
            self.counts[:, horizons],
            self.advantages[horizons],
            self.squares[horizons],
            self.compared[horizons],
        )

    def joined(self, other: "ExpertLosses") -> Self:
        """With the horizons of `other` after one's own."""
        return type(self)(
            np.concatenate([self.losses, other.losses], axis=1),
            np.concatenate([self.counts, other.counts], axis=1),
            np.concatenate([self.advantages, other.advantages]),
            np.concatenate([self.squares, other.squares]),
            np.concatenate([self.compared, other.compared]),
        )

    def after(self, misses: FloatArray) -> Self:
        """With absolute errors of m bins more, shape (h, k, m), NaN where unknown."""
        advantage = misses[..., :1, :] - misses
        sizes = np.array([_or_zero(misses), ~np.isnan(misses)])
        sums = [
            discounted(np.array(before), sizes, half_life)
            for *before, half_life in zip(
                self.losses[..., -1], self.counts[..., -1], _HALF_LIVES_BINS, strict=True
            )
        ]
        losses, counts = np.array(sums).swapaxes(0, 1)
        known = _or_zero(advantage)
        advantages, squares, compared = discounted(
            np.array([self.advantages, self.squares, self.compared])[..., -1],
            np.array([known, known**2, ~np.isnan(advantage)]),
            _ADVANTAGE_HALF_LIFE_BINS,
        )
        return replace(
            self,
            losses=losses,
            counts=counts,
            advantages=advantages,
            squares=squares,
            compared=compared,
        )

    @property
    def latest(self) -> Self:
        """Only after the newest bin."""
        return replace(self, **{name: sums[..., -1:] for name, sums in vars(self).items()})

    def shares(
        self, answered: npt.NDArray[np.bool_], proven: npt.NDArray[np.bool_] | None = None
    ) -> FloatArray:
        """Weights of those that answered, shape (h, k, m), summing to 1 where any did.

        Those that are `proven`, shape (k, 1), need no trial.
        """
        tried = self.compared >= np.minimum(self.compared[..., :1, :], _TRIAL_ERRORS)
        if proven is not None:
            tried |= proven
        loss = self._mean_losses()
        least = loss.min(axis=-2, keepdims=True)
        ratio = np.divide(least, loss, out=np.ones_like(loss), where=loss > 0)
        shares = np.where(answered & tried, ratio**_SHARPNESS, 0.0)
        most = shares.max(axis=-2, keepdims=True)
        shares = np.where(shares < _MINIMUM_SHARE * most, 0.0, shares)
        normal: FloatArray = shares / np.maximum(shares.sum(axis=-2, keepdims=True), 1e-300)
        return normal

    def _mean_losses(self) -> FloatArray:
        """Mean absolute errors with some of the prior's and what may be owed to chance."""
        simple = self.losses[..., :1, :] / np.maximum(self.counts[..., :1, :], 1e-12)
        prior = _PRIOR_ERRORS * _PRIOR_LOSS * simple
        losses = (self.losses + prior) / (self.counts + _PRIOR_ERRORS) + self._owed_to_chance()
        mean: FloatArray = np.sqrt(losses.prod(axis=0))
        return mean

    def _owed_to_chance(self) -> FloatArray:
        """How large each expert's mean advantage over the last value might be by chance."""
        count = np.maximum(self.compared, 1.0)
        variance = np.maximum(self.squares / count - (self.advantages / count) ** 2, 0.0)
        freedoms = np.maximum(self.compared, _TRIAL_ERRORS) / _ERRORS_PER_FREEDOM
        doubted = np.minimum(self.compared / _TRIAL_ERRORS, 1.0) ** 2
        quantile = student_quantile(_CONFIDENCE, freedoms)
        owed: FloatArray = doubted * quantile * np.sqrt(variance / count)
        return owed


def student_quantile(share: float, freedoms: FloatArray) -> FloatArray:
    """Quantile of Student's t, to a hundredth of its value from three degrees of freedom on.

    Expansion in 1 / freedoms: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5.
    """
    z = NormalDist().inv_cdf(share)
    terms = (
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (z**3 + z) / 4,
        z,
    )
    return np.asarray(np.polyval(terms, 1 / freedoms), dtype=np.float64)


def _or_zero(values: FloatArray) -> FloatArray:
    return np.where(np.isnan(values), 0.0, values)
