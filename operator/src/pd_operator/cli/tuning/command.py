"""The command line of `kubectl pd tune`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from pd_operator.cli.options import (
    Context,
    KnownHours,
    Namespace,
    Output,
    OutputFormat,
    PlayedHours,
    Profile,
    Prometheus,
    Seed,
    ServiceFile,
    ServiceName,
    Speed,
    TimeColumn,
    TimeUnitOption,
    Trace,
)
from pd_operator.cli.traces.units import TimeOptions


def tune(  # noqa: PLR0913, PLR0917 - typer makes each parameter an option
    name: ServiceName = None,
    trace: Trace = None,
    time: TimeColumn = None,
    time_unit: TimeUnitOption = None,
    file: ServiceFile = None,
    namespace: Namespace = None,
    context: Context = None,
    history: KnownHours = None,
    prometheus: Prometheus = None,
    hours: PlayedHours = 24.0,
    speed: Speed = 1.0,
    profile: Profile = None,
    seed: Seed = 0,
    jobs: Annotated[
        int, typer.Option(min=1, help="Settings tried at once.", show_default="all cores")
    ] = os.cpu_count() or 1,
    resume: Annotated[
        Path | None,
        typer.Option(help="Keep what was found in this file, and do not try it again."),
    ] = None,
    output: OutputFormat = Output.TEXT,
) -> None:
    """Find the settings that keep the objectives at the fewest GPU hours.

    Plays the first two thirds of the trace, or of the service's own past, with many settings of the
    forecast's percentile, the scale-down window and the lead margin, takes the
    cheapest one that keeps both objectives, and plays the last third with it
    and with the service as it is. It is proposed only where it holds there too.

    kubectl pd tune chat --hours 72

    kubectl pd tune chat --trace requests.parquet --history 24

    kubectl pd tune -f pdservice.yaml --trace requests.csv --resume tried.jsonl
    """
    # The forecasters take a second to load, which `explain` need not wait for.
    from pd_operator.cli.simulating.request import Flags  # noqa: PLC0415 - loads forecasters
    from pd_operator.cli.simulating.service import Which  # noqa: PLC0415 - loads forecasters
    from pd_operator.cli.simulating.source import PastFlags  # noqa: PLC0415 - as above
    from pd_operator.cli.tuning.run import Means, run  # noqa: PLC0415 - loads forecasters

    flags = Flags(
        trace,
        TimeOptions(time, time_unit),
        speed=speed,
        profile=profile,
        seed=seed,
    )
    which = Which(name, file, namespace, context)
    own = PastFlags(prometheus, hours, history)
    run(which, own, flags, Means(jobs, resume, as_json=output is Output.JSON))
