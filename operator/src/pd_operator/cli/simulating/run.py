"""From what was asked on the command line to a table and a report."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import typer
from rich.console import Console

from pd_operator.cli.resources import fault
from pd_operator.cli.simulating.comparison import Outcome, compare, objectives_of
from pd_operator.cli.simulating.request import Flags, SimulationRequest, ask
from pd_operator.cli.simulating.service import Which
from pd_operator.cli.simulating.source import PastFlags, with_requests
from pd_operator.cli.simulating.words import plain, print_outcomes
from pd_operator.cli.traces.errors import TraceError
from pd_operator.performance import ProfileError
from pd_operator.planning.plan import PlanningError


@dataclass(frozen=True)
class Invocation:
    """Which service is asked about, what of its own past is played, and how it is answered."""

    which: Which
    own: PastFlags
    html: Path | None
    as_json: bool


def run(call: Invocation, flags: Flags) -> None:
    """Simulate what was asked for; ends with a sentence on stderr where that cannot be."""
    if call.html is not None and find_spec("matplotlib") is None:
        raise fault("the report's plots need matplotlib: pip install 'pd-operator[backtest]'")
    try:
        request = ask(*with_requests(call.which, flags, call.own))
        with Console(stderr=True).status(f"simulating {len(request.requests):,} requests"):
            outcomes = list(compare(request))
    except (PlanningError, ProfileError, TraceError) as error:
        raise fault(str(error)) from error
    objectives = objectives_of(request)
    if call.as_json:
        typer.echo(json.dumps([plain(one, objectives) for one in outcomes], indent=2))
    else:
        print_outcomes(outcomes, objectives, Console())
    if call.html is not None:
        _write(call.html, request, outcomes)
        typer.echo(f"Report: {call.html}", err=True)


def _write(path: Path, request: SimulationRequest, outcomes: Sequence[Outcome]) -> None:
    from pd_operator.cli.simulating.page import write_page  # noqa: PLC0415 - matplotlib: an extra

    try:
        write_page(path, request, outcomes)
    except OSError as error:
        raise fault(f"the report cannot be written: {error}") from error
