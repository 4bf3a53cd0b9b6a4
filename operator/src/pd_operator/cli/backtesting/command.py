"""The command line of `kubectl pd backtest`."""

from pathlib import Path
from typing import Annotated

import typer

from pd_operator.api.autoscaling import ForecastModel
from pd_operator.cli.backtesting.rows import Rows
from pd_operator.cli.options import (
    Context,
    Namespace,
    Output,
    OutputFormat,
    Prometheus,
    Report,
    TimeColumn,
    TimeUnitOption,
)
from pd_operator.cli.traces.units import TimeOptions


def backtest(  # noqa: PLR0913, PLR0917 - typer makes each parameter an option
    name: Annotated[
        str | None,
        typer.Argument(help="A PDInferenceService, whose past is read from its Prometheus."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            "-f",
            help="Or a load in a CSV, TSV or parquet file: a row a bin, or a request.",
        ),
    ] = None,
    namespace: Namespace = None,
    context: Context = None,
    prometheus: Prometheus = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=30, help="Days of the past. Default: the service's.")
    ] = None,
    model: Annotated[
        ForecastModel | None,
        typer.Option(help="The forecaster. Default: the service's; Hedge for a file."),
    ] = None,
    ahead: Annotated[
        list[float] | None,
        typer.Option(
            min=1,
            help="How many seconds ahead; may be given several times. The first is what the plots "
            "show. Default: the service's lead times, then 5 to 30 minutes.",
        ),
    ] = None,
    percentile: Annotated[
        int | None,
        typer.Option(
            min=50,
            max=99,
            help="The percentile that pools are sized for. Default: the service's; 95 for a file.",
        ),
    ] = None,
    step: Annotated[
        int | None,
        typer.Option(min=1, help="Seconds of a bin. Default: the service's; a minute for a file."),
    ] = None,
    season: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Seconds of the load's rhythm, 0 for none. Default: the service's; a day, and a "
            "shorter one where the load shows it.",
        ),
    ] = None,
    time: TimeColumn = None,
    time_unit: TimeUnitOption = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="A column of the file to replay; may be given several times."),
    ] = None,
    rows: Annotated[
        Rows,
        typer.Option(
            help="What a row of the file is: bins (a load at a time), requests (one each, with "
            "prompt_tokens and output_tokens), or auto (requests where times are of arrivals)."
        ),
    ] = Rows.AUTO,
    forecasts: Annotated[
        int, typer.Option(min=20, max=100_000, help="At most so many forecasts, evenly spaced.")
    ] = 800,
    html: Report = None,
    output: OutputFormat = Output.TEXT,
) -> None:
    """Replay a load's past and see what its forecasts would have been worth.

    At many moments of the past, each time knowing nothing later, the
    forecaster is asked what will come, as the operator asks it. The table
    holds what it said against what came: its error over that of taking the
    last value (below 1 it is worth its name), the error of what would have
    been used (the last value wherever the forecaster had not beaten it so
    far), and how many of the loads were at or below each percentile (95 % of
    them should be at or below P95).

    kubectl pd backtest chat --html chat.html

    kubectl pd backtest chat --prometheus http://127.0.0.1:9090 --days 14

    kubectl pd backtest --file load.csv --column requests --ahead 300
    """
    from pd_operator.cli.backtesting.run import Request, run  # noqa: PLC0415 - loads for a second

    run(
        Request(
            name=name,
            file=file,
            namespace=namespace,
            context=context,
            prometheus=prometheus,
            days=days,
            model=model,
            ahead_seconds=tuple(ahead or ()),
            percentile=percentile,
            bin_seconds=step,
            season_seconds=season,
            times=TimeOptions(time, time_unit),
            columns=tuple(column or ()),
            rows=rows,
            forecasts=forecasts,
            html=html,
            as_json=output is Output.JSON,
        )
    )
