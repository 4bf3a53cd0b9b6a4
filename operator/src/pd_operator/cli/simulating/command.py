"""The command line of `kubectl pd simulate`."""

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
    Report,
    Seed,
    ServiceFile,
    ServiceName,
    Speed,
    TimeColumn,
    TimeUnitOption,
    Trace,
)
from pd_operator.cli.traces.units import TimeOptions


def simulate(  # noqa: PLR0913, PLR0917 - typer makes each parameter an option
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
    fixed: Annotated[
        list[str] | None,
        typer.Option(
            help="Compare with prefill and decode workers that stay, such as 2,4; repeat. "
            "Default: those that the trace's busiest five minutes need, known in hindsight only."
        ),
    ] = None,
    what_if: Annotated[
        list[str] | None,
        typer.Option(
            help="Compare with the same service of other settings: FIELD=VALUE, more of them with "
            "commas between, such as autoscaling.forecast.quantilePercent=90; repeat."
        ),
    ] = None,
    profile: Profile = None,
    seed: Seed = 0,
    html: Report = None,
    output: OutputFormat = Output.TEXT,
) -> None:
    """Play a trace, or a service's own past, through a simulation of it.

    The operator sizes it and decides as it would in the cluster, with the service's own
    bounds, objectives and behavior, start-up times and drains; beside it the
    same requests go through pools that stay as they are. The table holds the
    shares of requests within the objectives, latencies, and GPU hours.

    kubectl pd simulate chat --hours 24 --html chat.html

    kubectl pd simulate --file pdservice.yaml --trace requests.csv --history 24

    kubectl pd simulate chat --trace requests.parquet --fixed 2,4 --html chat.html

    kubectl pd simulate chat --trace requests.csv --what-if prefill.maxReplicas=4
    """
    # The forecasters take a second to load, which `explain` need not wait for.
    from pd_operator.cli.simulating.request import Flags  # noqa: PLC0415 - loads forecasters
    from pd_operator.cli.simulating.run import Invocation, run  # noqa: PLC0415 - loads forecasters
    from pd_operator.cli.simulating.service import Which  # noqa: PLC0415 - as above
    from pd_operator.cli.simulating.source import PastFlags  # noqa: PLC0415 - as above

    flags = Flags(
        trace,
        TimeOptions(time, time_unit),
        speed=speed,
        fixed=tuple(fixed or ()),
        what_if=tuple(what_if or ()),
        profile=profile,
        seed=seed,
    )
    which = Which(name, file, namespace, context)
    own = PastFlags(prometheus, hours, history)
    run(Invocation(which, own, html, as_json=output is Output.JSON), flags)
