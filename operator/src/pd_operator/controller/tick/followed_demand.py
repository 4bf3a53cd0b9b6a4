"""A fitted forecaster that follows a history whose newest bins may still change."""

from dataclasses import dataclass
from typing import Self

from pd_operator.controller.tick.history_reader import BINS_READ_AGAIN
from pd_operator.demand import DemandHistory, FittedDemand

_BINS_BEHIND = 20
"""Sure bins after which `settled` sees them: all at once, they cost little more than one."""


@dataclass(frozen=True, eq=False)
class FollowedDemand:
    """The forecaster with every bin seen, and one to go back to where a bin seen has changed.

    - `newest`: with the newest bins as they are now.
    - `settled`: with no bin seen that a late scrape can still change, and maybe without the newest
      of the others.
    - `unsure`: the bins that may still change, as `newest` saw them; None before it saw any.
    """

    newest: FittedDemand
    settled: FittedDemand
    unsure: DemandHistory | None = None

    @classmethod
    def fitted(cls, fitted: FittedDemand) -> Self:
        """A new fit."""
        return cls(fitted, fitted)

    def shown(self, history: DemandHistory) -> Self:
        """The same, with those bins of `history` seen that are new or have changed.

        As a rule none has changed, and one new bin is all there is to learn.
        """
        step = history.bin_seconds
        sure = history.end_seconds - BINS_READ_AGAIN * step
        unchanged = self.unsure is not None and history.holds(self.unsure)
        settled = self.settled
        if not unchanged or sure - settled.end_seconds >= _BINS_BEHIND * step:
            settled = settled.updated(history.until(sure))
        newest = self.newest if unchanged else settled
        return type(self)(newest.updated(history), settled, history.since(sure))
