"""The commands `kubectl pd explain` and `kubectl pd history`: what was decided, and why."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from pd_operator.cli.explanation import explanation
from pd_operator.cli.history import explanation_at, history_table
from pd_operator.cli.moments import moment
from pd_operator.cli.options import Context, Name, Namespace, Output, OutputFormat, Watch
from pd_operator.cli.resources import ServiceReader
from pd_operator.cli.watching import show


def explain(
    name: Name,
    namespace: Namespace = None,
    context: Context = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="How it was at a moment of the past: 90m (ago), 14:05 or 2026-12-01T14:05, UTC.",
        ),
    ] = None,
    output: OutputFormat = Output.TEXT,
    watch: Watch = False,
) -> None:
    """Print the last decision about a service, link by link.

    Each line is one link of the chain: what it made of the number of prefill
    and decode workers, and why.
    """
    services = ServiceReader(name, namespace, context)
    if output is Output.JSON:
        status = services.read().status
        typer.echo(status.model_dump_json(by_alias=True, exclude_none=True, indent=2))
    elif at is not None:
        then = moment(at, datetime.now(UTC))
        Console().print(explanation_at(services.read(), then))
    else:
        show(lambda: explanation(services.read()), Console(), watch=watch)


def history(
    name: Name,
    namespace: Namespace = None,
    context: Context = None,
    output: OutputFormat = Output.TEXT,
    watch: Watch = False,
) -> None:
    """Print the last changes of a service's workers: when, from what to what, and why."""
    services = ServiceReader(name, namespace, context)
    if output is Output.JSON:
        status = services.read().status.model_dump(mode="json", by_alias=True, include={"history"})
        typer.echo(json.dumps(status["history"], indent=2))
        return
    show(lambda: history_table(services.read()), Console(), watch=watch)
