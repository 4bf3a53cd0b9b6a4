"""How far a forecast can reach on the shared days: the last value, ours, and one that sees ahead.

Figures in percent of the mean depend on the days. `code` starts on a Friday and is scored from
hour 36 on: the weekend and one working day. Over its whole week the same hours hold the weekend and
four working days; "a week's days" are those, Monday taken four times.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scripts.forecast_bench.clairvoyant import clairvoyant
from scripts.forecast_bench.origins import Walk, walk
from scripts.forecast_bench.scores import replicas, score
from scripts.forecast_bench.series import AZURE_SERIES, load

from pd_forecasting import LastValue

_OVER_A_WEEKEND = ("code", "code25")
_MONDAY = 3
_WORKING_DAYS = 4
_QUANTILE = 0.975


@dataclass(frozen=True)
class Reach:
    """Five minutes ahead: errors, pinball loss of the 90th percentile, replicas at P97.5.

    - `days`: which are scored.
    - `mean_per_minute`: the load's mean over them.
    """

    series: str
    days: str
    forecaster: str
    mean_per_minute: float
    relative_mae: float
    pinball90_percent: float
    short_minutes_percent: float
    over_provisioning_percent: float


def reach(name: str, walks: Mapping[str, Walk]) -> list[Reach]:
    """Rows of the last value, of the forecaster `name` with its `walks`, and of the clairvoyant."""
    rows = []
    for key in AZURE_SERIES:
        series = load(key)
        beside = {
            LastValue.name: walk(LastValue, series),
            name: walks[key],
            "one that sees the future": clairvoyant(series),
        }
        rows += [_row(key, "shared", who, one) for who, one in beside.items()]
        if key in _OVER_A_WEEKEND:
            rows += [_row(key, "a week's", who, of_a_week(one)) for who, one in beside.items()]
    return rows


def of_a_week(one: Walk) -> Walk:
    """The same, with origins as a week from hour 36 on has them."""
    times = np.where(one.origins // one.series.season_bins == _MONDAY, _WORKING_DAYS, 1)
    taken = np.repeat(np.arange(len(one.origins)), times)
    return replace(
        one, origins=one.origins[taken], points=one.points[taken], values=one.values[taken]
    )


def _row(key: str, days: str, who: str, one: Walk) -> Reach:
    ahead, chosen = score(one)[0], replicas(one, _QUANTILE)
    return Reach(
        series=key,
        days=days,
        forecaster=who,
        mean_per_minute=float(np.nanmean(one.series.values[one.origins])),
        relative_mae=ahead.relative_mae,
        pinball90_percent=ahead.pinball90_percent,
        short_minutes_percent=chosen.short_minutes_percent,
        over_provisioning_percent=chosen.over_provisioning_percent,
    )
