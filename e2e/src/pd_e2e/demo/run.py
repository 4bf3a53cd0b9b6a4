"""Everything a finished replay left behind: what summary and report are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt

from pd_e2e.demo.forecast_error import Actual
from pd_e2e.demo.offered import offered_rate
from pd_e2e.demo.oracle import GpusPerWorker, NeededWorkers
from pd_e2e.demo.scale_events import ScaleEvent, scale_events
from pd_e2e.demo.timeline import PoolSteps, Timeline, pool_steps
from pd_e2e.loadgen.live import Objectives
from pd_e2e.loadgen.records import RequestTable
from pd_e2e.loadgen.scenario import TraceScenario
from pd_operator.api.roles import Role


@dataclass(frozen=True, eq=False)
class Run:
    """Everything a finished replay left behind; second 0 is `requests.started_unix_seconds`.

    `load` is what was played, `duration_seconds` how much of it (less if it was broken off).
    `requests` may hold warm-up requests, which are not judged. `goal_share` is the share of
    requests that has to meet each objective, and `forecast_bin_seconds` the width of the bins
    that the operator's forecasts are about.
    """

    scenario: str
    forecast_model: str
    load: TraceScenario
    duration_seconds: float
    requests: RequestTable
    timeline: Timeline
    objectives: Objectives
    goal_share: float
    needed: NeededWorkers
    gpus: GpusPerWorker
    forecast_bin_seconds: float

    @cached_property
    def judged(self) -> RequestTable:
        """The requests from second 0 on."""
        return self.requests.judged()

    @cached_property
    def met_ttft(self) -> npt.NDArray[np.bool_]:
        """Which judged requests ended well with their first token in time."""
        within: npt.NDArray[np.bool_] = self.judged.ttft_seconds <= self.objectives.ttft_seconds
        return self.judged.ok & within

    @cached_property
    def met_tpot(self) -> npt.NDArray[np.bool_]:
        """Which judged requests ended well with their tokens fast enough; one token always is."""
        slower: npt.NDArray[np.bool_] = self.judged.tpot_seconds > self.objectives.tpot_seconds
        return self.judged.ok & ~slower

    @cached_property
    def steps(self) -> Mapping[Role, PoolSteps]:
        """The workers of each role over time."""
        started = self.requests.started_unix_seconds
        return {role: pool_steps(self.timeline, role, started) for role in Role}

    @cached_property
    def events(self) -> tuple[ScaleEvent, ...]:
        """The changes of the wanted workers of both roles, in time order."""
        changes = [
            event
            for role in Role
            for event in scale_events(self.steps[role], role, self.needed, self.duration_seconds)
        ]
        return tuple(sorted(changes, key=lambda event: event.seconds))

    def actual(self, role: Role | None = None) -> Actual:
        """Offered requests per second; with a role, the tokens per second that load it."""
        weights = {
            None: None,
            Role.PREFILL: self.requests.input_tokens,
            Role.DECODE: self.requests.output_tokens,
        }[role]
        return partial(
            offered_rate, self.requests, window_seconds=self.forecast_bin_seconds, weights=weights
        )
