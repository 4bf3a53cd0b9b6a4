"""The replays of the bundled Azure trace, by name."""

from collections.abc import Mapping
from dataclasses import dataclass

from pd_e2e.loadgen.scenario import WHOLE_DAY, TraceScenario
from pd_e2e.loadgen.trace import bundled_trace

WORKDAYS = {"conversation": (2, 3), "code": (0, 3)}
"""Tuesday and Wednesday of the one service, Friday and Monday of the other: the two services'
days begin on different dates, and only these are working days that follow one another in both.
"""


@dataclass(frozen=True)
class AzureReplay:
    """Hours `start_hour` to `end_hour` of the trace's days, by default `speed` times as fast.

    `days` chooses whole days of each service; the bundled ones as they are where it is None.
    """

    name: str
    start_hour: float
    end_hour: float
    speed: float
    days: Mapping[str, tuple[int, ...]] | None = None

    def at(self, scale: float, speed: float | None = None) -> TraceScenario:
        """The load at `scale` of the real rate, at its own speed or at `speed`."""
        trace = bundled_trace()
        return TraceScenario(
            trace if self.days is None else trace.of_days(self.days),
            self.start_hour,
            self.end_hour,
            speed or self.speed,
            scale,
            self.name,
        )


WORKDAY = AzureReplay("azure-workday", 24 + 11, 24 + 23, 60.0, WORKDAYS)
"""Hours 11 to 23 of the second of two working days: a minute of the replay is an hour."""

AZURE_REPLAYS: Mapping[str, AzureReplay] = {
    replay.name: replay
    for replay in (WORKDAY, AzureReplay(WHOLE_DAY, 3 * 24 + 8, 3 * 24 + 24, 80.0))
}
