"""What a forecaster does on made-up services: see `synthetic`."""

from dataclasses import dataclass

import numpy as np
from scripts.forecast_bench import synthetic
from scripts.forecast_bench.series import FloatArray

from pd_forecasting import Forecaster

SEEDS = (1, 2, 3)


@dataclass(frozen=True)
class MadeUp:
    """Means over `SEEDS`; the worst hour is that of the mean, since one hour has but sixty minutes.

    - `idle_start_percent`, `office_monday_percent`: least share within P95 of any hour.
    - `idle_start_width`: P95 over the level from the second hour on.
    - `step_up_percent`, `step_down_percent`: error in minutes 2 to 6 over the level.
    - `recovery_minutes`: after a wrong sample, the longest of all seeds.
    - `next_day_relative_mae`: in the day after it, of the first seed.
    """

    idle_start_percent: float
    office_monday_percent: float
    idle_start_width: float
    step_up_percent: float
    step_down_percent: float
    recovery_minutes: float
    next_day_relative_mae: float


def made_up(model: type[Forecaster]) -> MadeUp:
    """Ask `model` on all made-up services; a minute of work."""
    idle = [synthetic.covered_by_hour(model, synthetic.idle_start(seed)) for seed in SEEDS]
    office = [synthetic.covered_by_hour(model, synthetic.office(seed)) for seed in SEEDS]
    up, down = (
        [synthetic.step_error(model, synthetic.step(seed, factor)) for seed in SEEDS]
        for factor in (synthetic.FACTOR, 1 / synthetic.FACTOR)
    )
    wrong = [synthetic.wrong_sample(seed) for seed in SEEDS]
    return MadeUp(
        idle_start_percent=_worst_hour([within for within, _ in idle]),
        office_monday_percent=_worst_hour([within for within, _ in office]),
        idle_start_width=float(np.mean([wide[1:] for _, wide in idle])),
        step_up_percent=100 * float(np.mean(up)),
        step_down_percent=100 * float(np.mean(down)),
        recovery_minutes=max(synthetic.recovery_minutes(model, service) for service in wrong),
        next_day_relative_mae=synthetic.next_day_relative_mae(model, wrong[0]),
    )


def _worst_hour(shares: list[FloatArray]) -> float:
    return 100 * float(np.mean(shares, axis=0).min())
