"""Daily spikes of a load in words, with the schedule that would meet each."""

import math

from pd_operator.cli.backtesting.loads import REQUESTS, Loads
from pd_operator.demand.daily_spikes import DailySpike, daily_spikes


def proposals(loads: Loads) -> list[str]:
    """A sentence and a schedule for each daily spike of the requests; none without dates."""
    if not loads.dated:
        return []
    name = REQUESTS if REQUESTS in loads.series else next(iter(loads.series))
    found = daily_spikes(loads.series[name], loads.end_seconds, loads.bin_seconds)
    return [_proposal(spike, counts_requests=name == REQUESTS) for spike in found]


def _proposal(spike: DailySpike, *, counts_requests: bool) -> str:
    minute = math.floor(spike.begin_seconds / 60)
    hour, minute = divmod(minute, 60)
    lasting = max(60, math.ceil(spike.duration_seconds / 60) * 60)
    effect = (
        f"minRequestsPerSecond: {math.ceil(spike.load)}"
        if counts_requests
        else f"factorPercent: {min(1000, math.ceil(100 * spike.factor))}"
    )
    return (
        f"Daily at {hour:02d}:{minute:02d} UTC the load is {spike.factor:.1f} times that of the "
        f"hours around it, for {lasting // 60} min, on {spike.days} of {spike.of_days} days. "
        "Quantiles do not foresee that; this schedule does:\n"
        f"  - name: daily-{hour:02d}{minute:02d}\n"
        f'    cron: "{minute} {hour} * * *"\n'
        f"    durationSeconds: {lasting}\n"
        f"    {effect}"
    )
