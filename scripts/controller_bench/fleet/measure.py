"""A small fleet with an earlier build and with this one, then the whole fleet, then a quiet one."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from scripts.bench_format import Figure
from scripts.controller_bench.fleet.operator_process import (
    OperatorProcess,
    operator_process,
    sources_of,
)
from scripts.controller_bench.fleet.readings import Reading, read
from scripts.controller_bench.fleet.shape import PERIOD_SECONDS, WORKERS
from scripts.controller_bench.fleet.stage import FleetStage, fleet_stage

from pd_e2e.cluster.waiting import eventually

SERVICES = int(os.environ.get("PD_SERVICES", "500"))
BEFORE = os.environ.get("PD_BEFORE", "c56fd99")
"""The commit whose ticks are held against: of the last build before fleets were measured."""

SMALLER = 10
"""The small fleet is so many times smaller."""

WATCHED_SECONDS = 90.0
SETTLED_TICKS = 8
"""Another build may want other pods of its services, which are replaced one after the other."""

QUIET_SECONDS = 420.0
"""Until every window that the operator looks at holds nothing but quiet."""


@dataclass(frozen=True)
class FleetReadings:
    """Of a small fleet, `before` by an earlier build; of a large one, and of that one at rest."""

    before: Reading | None
    small: Reading
    large: Reading
    quiet: Reading

    def figures(self) -> list[Figure]:
        """What `controller.json` has of them."""
        a_service = self.large.cores / self.large.services
        found = [
            Figure("services", self.large.services, "services", None, "higher"),
            Figure("tick_lag_seconds_p99", self.large.lag_seconds_p99 or float("nan"), "s", 2.0),
            Figure("ticks_failed", self.large.failed, "ticks", 0),
            Figure("tick_milliseconds", 1000 * self.large.tick_cpu_seconds, "ms"),
            Figure("operator_cores", self.large.cores, "cores", 1.0),
            Figure("operator_megabytes", self.large.megabytes, "MB", 400.0),
            Figure("idle_writes", sum(self.quiet.writes.values()), "writes", 0),
            Figure(
                "growth_of_a_service",
                a_service / (self.small.cores / self.small.services),
                "times",
                1.0,
            ),
        ]
        if self.before is not None:
            over = self.small.tick_cpu_seconds / self.before.tick_cpu_seconds
            found.append(Figure("tick_cpu_over_before", over, "times", 0.5))
        return found


def measure_fleet(say: Callable[[str], None]) -> FleetReadings:
    """All of it, in some twenty minutes for 500 services."""
    few = max(1, SERVICES // SMALLER)
    with fleet_stage(SERVICES) as stage:
        stage.grow(few)
        before = _before(stage, say)
        with operator_process(stage.control_plane, stage.operator_port) as operator:
            small = _watch(stage, operator, say)
            stage.grow(SERVICES)
            large = _watch(stage, operator, say)
            stage.quiet()
            time.sleep(QUIET_SECONDS)
            quiet = read(operator, stage.control_plane, stage.made, WATCHED_SECONDS)
            say(f"at rest, {quiet}")
    return FleetReadings(before, small, large, quiet)


def _before(stage: FleetStage, say: Callable[[str], None]) -> Reading | None:
    sources = sources_of(BEFORE, stage.folder / "before")
    if sources is None:
        say(f"the commit {BEFORE} is not known here: nothing is held against it")
        return None
    with operator_process(stage.control_plane, stage.operator_port, sources) as operator:
        say(f"by {BEFORE}:")
        return _watch(stage, operator, say)


def _watch(stage: FleetStage, operator: OperatorProcess, say: Callable[[str], None]) -> Reading:
    """Of a fleet that is complete, and has been ticked a few times since."""
    wanted = stage.made * sum(WORKERS.values())
    began = time.monotonic()
    eventually(
        lambda: operator.total("pd_operator_workers", state="ready") >= wanted,
        timeout_seconds=1200,
        poll_seconds=5,
    )
    say(f"{wanted} workers are ready after {time.monotonic() - began:.0f} s")
    time.sleep(SETTLED_TICKS * PERIOD_SECONDS)
    reading = read(operator, stage.control_plane, stage.made, WATCHED_SECONDS)
    say(str(reading))
    return reading
