"""`kubectl pd`: plans a PDInferenceService, replays its past, asks why it is as it is."""

from typing import Annotated

import typer
from rich.console import Console

from pd_operator.cli.backtesting.command import backtest
from pd_operator.cli.explanation import explain_service
from pd_operator.cli.options import Context, Namespace, Output, OutputFormat
from pd_operator.cli.profiling.command import app as profiling
from pd_operator.cli.resources import read_service
from pd_operator.cli.simulating.command import simulate
from pd_operator.cli.sizing.command import plan

app = typer.Typer(
    help="Looks into PDInferenceServices. Installed as kubectl-pd on PATH, it is `kubectl pd`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


app.command()(plan)
app.command()(backtest)
app.command()(simulate)
app.add_typer(profiling, name="profile")


@app.command()
def explain(
    name: Annotated[str, typer.Argument(help="Name of the PDInferenceService.")],
    namespace: Namespace = None,
    context: Context = None,
    output: OutputFormat = Output.TEXT,
) -> None:
    """Print the last decision about a service, link by link.

    Each line is one link of the chain: what it made of the number of prefill
    and decode workers, and why.
    """
    service = read_service(name, namespace, context)
    if output is Output.JSON:
        typer.echo(service.status.model_dump_json(by_alias=True, exclude_none=True, indent=2))
        return
    explain_service(service, Console())
