"""What a minute costs: the default forecaster asked a little sooner and a little later.

To know the load of now a minute later is to look a minute further ahead. So errors at several leads
tell what is lost with each minute between a request's arrival and the decision that counts it, and
between that decision and the worker that serves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scripts.forecast_bench.origins import QUANTILES, Walk, walk
from scripts.forecast_bench.scores import over_at_short, replicas, score
from scripts.forecast_bench.series import AZURE_SERIES, load

from pd_forecasting import Forecaster

LEADS_MINUTES = (3, 4, 5, 6, 7)
"""Around the five minutes that start-ups are taken to last."""

STRIDE = 3
"""Minutes between origins: a third of the work, and errors of neighbors are alike anyway."""

_SHORT_PERCENT = 1.0


@dataclass(frozen=True)
class Staleness:
    """Losses at each of `LEADS_MINUTES`, and what one minute adds to them.

    - `pinball90`, `pinball975`: in percent of the mean load.
    - `over`: replicas too many in percent of those needed, at 1 % short minutes.
    - `pinball90_minute`, `pinball975_minute`: of the loss at the middle lead, in percent a minute.
    - `over_minute`: points a minute.
    """

    series: str
    pinball90: tuple[float, ...]
    pinball975: tuple[float, ...]
    over: tuple[float, ...]

    @property
    def pinball90_minute(self) -> float:
        """Percent a minute."""
        return 100 * _slope(self.pinball90) / self.pinball90[len(self.pinball90) // 2]

    @property
    def pinball975_minute(self) -> float:
        """Percent a minute."""
        return 100 * _slope(self.pinball975) / self.pinball975[len(self.pinball975) // 2]

    @property
    def over_minute(self) -> float:
        """Points a minute."""
        return _slope(self.over)


def staleness(model: type[Forecaster]) -> list[Staleness]:
    """Of the four services whose minutes are requests; a minute of work."""
    return [_of(model, key) for key in AZURE_SERIES]


def _of(model: type[Forecaster], key: str) -> Staleness:
    one = walk(model, replace(load(key), lead_minutes=LEADS_MINUTES), STRIDE)
    scores = score(one)
    return Staleness(
        series=key,
        pinball90=tuple(at.pinball90_percent for at in scores),
        pinball975=tuple(at.pinball975_percent for at in scores),
        over=tuple(_over(one, lead) for lead in LEADS_MINUTES),
    )


def _over(one: Walk, lead: int) -> float:
    choices = [replicas(one, quantile, lead) for quantile in QUANTILES if quantile >= 0.5]
    return over_at_short(choices, _SHORT_PERCENT)


def _slope(losses: Sequence[float]) -> float:
    """What one minute adds, by least squares."""
    return float(np.polyfit(LEADS_MINUTES, losses, 1)[0])
