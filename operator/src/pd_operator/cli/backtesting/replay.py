"""All series of a load replayed, and what the ratio of two of them was forecast as."""

from collections.abc import Callable
from dataclasses import dataclass

from pd_operator.cli.backtesting.loads import Loads
from pd_operator.demand.backtest import BacktestPlan, SeriesBacktest, backtest, origins_of
from pd_operator.demand.ratio import RatioAccuracy, ratio_accuracy


@dataclass(frozen=True, eq=False)
class Replay:
    """What came out, series by series.

    `percentile` is the one that pools would be sized for. `ratio`: errors of the ratio of prefill
    and decode work at each horizon; empty where the load does not tell it.
    """

    loads: Loads
    plan: BacktestPlan
    percentile: int
    series: tuple[SeriesBacktest, ...]
    ratio: tuple[RatioAccuracy, ...]

    def of(self, name: str) -> SeriesBacktest:
        """The replay of one series."""
        return next(one for one in self.series if one.name == name)


def forecasts_to_make(loads: Loads, plan: BacktestPlan) -> int:
    """How many forecasts `replay` makes; raises `NotEnoughHistoryError`."""
    steps = loads.bin_seconds
    return sum(len(origins_of(series, steps, plan)) for series in loads.series.values())


def replay(
    loads: Loads, plan: BacktestPlan, percentile: int, advance: Callable[[], None]
) -> Replay:
    """Replay every series; `advance` is called after each forecast.

    Raises `NotEnoughHistoryError`.
    """
    series = tuple(
        backtest(name, values, loads.end_seconds, loads.bin_seconds, plan, advance)
        for name, values in loads.series.items()
    )
    return Replay(loads, plan, percentile, series, _ratio(loads, plan, series))


def _ratio(
    loads: Loads, plan: BacktestPlan, series: tuple[SeriesBacktest, ...]
) -> tuple[RatioAccuracy, ...]:
    if loads.ratio_of is None:
        return ()
    prompt, output = (next(one for one in series if one.name == name) for name in loads.ratio_of)
    if len(prompt.seconds) != len(output.seconds) or (prompt.seconds != output.seconds).any():
        return ()
    return tuple(
        ratio_accuracy(
            (prompt.used[row], prompt.last[row], prompt.actual[row]),
            (output.used[row], output.last[row], output.actual[row]),
        )
        for row in range(len(plan.horizons_seconds))
    )
