"""How experts stand by the errors they made, and how far each is followed for it.

*Which is best?* Of late, and for long: an expert's error is the geometric mean of those that it
made within an hour of minutes and within a working day of them. One whose error is a share r above
the best one's counts for (1 + r)^-SHARPNESS of it. What is a little better always is told by the
long memory, and what has become bad at once by the short one.

*Is it better than the last value at all?* That is asked of a day of minutes: the error of every
expert but the last value is raised by what its advantage over the last value may owe to chance, a
quantile of Student's t times its standard error. Luck has a large one, and stays behind.
"""

from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Self, cast

import numpy as np
import numpy.typing as npt

from pd_forecasting.base import FloatArray, State
from pd_forecasting.discounting import discounted

_HALF_LIVES_BINS = (60, 480)
_SHARPNESS = 24
_LEAST_SHARE = 0.1
"""Experts below this share of the best one's are left out: many small wrongs add up."""

_ADVANTAGE_HALF_LIFE_BINS = 1440
_CONFIDENCE = 0.995
"""One-sided, of one expert: chance lifts any of nine in one case of twenty (Bonferroni)."""

_ERRORS_PER_FREEDOM = 20
"""Errors go together: those of neighbouring origins share bins, and rough times last. So many tell
as much of the advantage as one that is independent would."""

_TRIAL_ERRORS = 60
"""How many errors an expert must be compared by before they tell luck from skill.

Averages, which are there from the first bin on, are believed at first, since noise is averaged
away on every service: what they owe to chance counts by the square of the part of the trial that is
over. Who joins later, since it had to learn first, is not followed meanwhile.
"""

_PRIOR_ERRORS = 5.0
_PRIOR_LOSS = 1.05
"""Before it has a record, an expert is taken for this much worse than the last value."""


@dataclass(frozen=True, eq=False)
class Standings:
    """Discounted sums over past errors of k experts after each of m bins.

    The first expert is the last value. Its advantage over itself is none.

    - `losses`, `counts`: of absolute errors, and how many, by either memory, shape (2, k, m).
    - `advantages`, `squares`, `compared`: by how much the last value's absolute error was larger
      than the expert's, the squares of that, and how many, shape (k, m).
    """

    losses: FloatArray
    counts: FloatArray
    advantages: FloatArray
    squares: FloatArray
    compared: FloatArray

    @classmethod
    def none(cls, experts: int) -> Self:
        """Nothing known yet."""
        nothing = np.zeros((experts, 1))
        of_either = np.zeros((len(_HALF_LIVES_BINS), experts, 1))
        return cls(of_either, of_either, nothing, nothing, nothing)

    def after(self, misses: FloatArray) -> Self:
        """With absolute errors of m bins more, shape (k, m), NaN where unknown."""
        advantage = misses[0] - misses
        sizes = np.stack([_or_zero(misses), ~np.isnan(misses)])
        losses, counts = np.stack(
            [
                discounted(np.stack([loss, count]), sizes, half_life)
                for loss, count, half_life in zip(
                    self.losses[..., -1], self.counts[..., -1], _HALF_LIVES_BINS, strict=True
                )
            ],
            axis=1,
        )
        known = _or_zero(advantage)
        advantages, squares, compared = discounted(
            np.stack([self.advantages[:, -1], self.squares[:, -1], self.compared[:, -1]]),
            np.stack([known, known**2, ~np.isnan(advantage)]),
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

    def shares(self, answered: npt.NDArray[np.bool_]) -> FloatArray:
        """Weights of those that answered, shape (k, m), summing to 1 where any did."""
        tried = self.compared >= np.minimum(self.compared[0], _TRIAL_ERRORS)
        loss = self._mean_losses()
        least = loss.min(axis=0)
        ratio = np.divide(least, loss, out=np.ones_like(loss), where=loss > 0)
        shares = np.where(answered & tried, ratio**_SHARPNESS, 0.0)
        shares = np.where(shares < _LEAST_SHARE * shares.max(axis=0), 0.0, shares)
        normal: FloatArray = shares / np.maximum(shares.sum(axis=0), 1e-300)
        return normal

    def _mean_losses(self) -> FloatArray:
        """Mean absolute errors with some of the prior's and what may be owed to chance, (k, m)."""
        simple = self.losses[:, :1] / np.maximum(self.counts[:, :1], 1e-12)
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

    def to_plain(self) -> State:
        """Plain data of the newest bin."""
        return {name: sums[..., -1].tolist() for name, sums in vars(self).items()}

    @classmethod
    def from_plain(cls, plain: State) -> Self:
        """Read `to_plain`'s data."""
        return cls(
            **{name: np.array(cast("list[float]", plain[name]))[..., None] for name in plain}
        )


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
