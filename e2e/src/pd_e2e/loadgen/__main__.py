"""`python -m pd_e2e.loadgen`: play a load against one endpoint and record what it answers."""

import argparse
import asyncio
import signal
import sys
import time

from pd_e2e.loadgen.live import Objectives, ReplayStatistics
from pd_e2e.loadgen.options import parser, scenario
from pd_e2e.loadgen.run import Outputs, ReplayClock, Target, run
from pd_e2e.loadgen.schedule import Schedule

INTERRUPTED = 130
PREPARATION_SECONDS = 0.5
"""Time to open a session before the first request, so that it does not leave late."""


def main() -> int:
    """Play the load that the command line names; the exit status."""
    options = parser().parse_args()
    try:
        schedule = scenario(options).schedule(options.seed, options.warmup_seconds)
    except ValueError as error:
        parser().error(str(error))
    if options.max_requests is not None:
        schedule = schedule.limited_to(options.max_requests)
    if options.progress_file is not None:
        options.progress_file.unlink(missing_ok=True)
    stopped, statistics = asyncio.run(play(schedule, options))
    sys.stdout.write(f"{in_words(statistics)}; records in {options.output}\n")
    return INTERRUPTED if stopped else 0


async def play(schedule: Schedule, options: argparse.Namespace) -> tuple[bool, ReplayStatistics]:
    """Run until the end or a SIGINT or SIGTERM; whether it was stopped, and the statistics."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    soonest = time.time() + PREPARATION_SECONDS + options.warmup_seconds
    starts = soonest if options.start_at is None else options.start_at
    metadata = {
        name: str(getattr(options, name)) for name in ("scenario", "speed", "scale", "seed")
    }
    statistics = await run(
        schedule,
        Target(options.url.rstrip("/"), options.model, options.timeout_seconds),
        Objectives(options.ttft_milliseconds / 1000, options.tpot_milliseconds / 1000),
        Outputs(options.output, options.progress_file, metadata),
        clock=ReplayClock.starting_at(starts),
        seed=options.seed,
        stop=stop,
    )
    return stop.is_set(), statistics


def in_words(statistics: ReplayStatistics) -> str:
    """One line about the run."""
    joint = statistics.joint_attainment
    attained = "nothing finished" if joint is None else f"{joint:.1%} met both objectives"
    return (
        f"{statistics.offered} requests offered, {statistics.failed} failed, {attained}; "
        f"the generator was at most {statistics.lag_seconds_max * 1000:.0f} ms late"
    )


if __name__ == "__main__":
    sys.exit(main())
