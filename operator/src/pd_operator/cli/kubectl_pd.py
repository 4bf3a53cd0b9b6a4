"""`kubectl pd`: plans a PDInferenceService, replays its past, asks why it is as it is."""

from typing import Any

import typer
from typer.core import TyperGroup

from pd_operator.cli.extras import missing_part
from pd_operator.cli.lazy_commands import LazyCommand

COMMANDS = (
    LazyCommand(
        "plan",
        "pd_operator.cli.sizing.command:plan",
        "Say how many prefill and decode workers a load needs, and what latency to expect.",
    ),
    LazyCommand(
        "top",
        "pd_operator.cli.top.command:top",
        "Show a service live: its load, forecast, workers, attainment, and the last words.",
    ),
    LazyCommand(
        "check",
        "pd_operator.cli.checking.command:check",
        "Look whether everything that pd-operator needs is there, and say what to do.",
    ),
    LazyCommand(
        "report",
        "pd_operator.cli.reporting.command:report",
        "Write a service's past as one HTML file: load, forecast, workers, attainment, changes.",
    ),
    LazyCommand(
        "pause",
        "pd_operator.cli.pausing:pause",
        "Hold a service's workers as they are, as mode Paused does, whatever its spec says.",
    ),
    LazyCommand(
        "resume",
        "pd_operator.cli.pausing:resume",
        "Let a paused service's workers follow the load again.",
    ),
    LazyCommand(
        "backtest",
        "pd_operator.cli.backtesting.command:backtest",
        "Replay a load's past and see what its forecasts would have been worth.",
    ),
    LazyCommand(
        "simulate",
        "pd_operator.cli.simulating.command:simulate",
        "Play a trace, or a service's own past, through a simulation of it.",
    ),
    LazyCommand(
        "tune",
        "pd_operator.cli.tuning.command:tune",
        "Find the settings that keep the objectives at the fewest GPU hours.",
    ),
    LazyCommand(
        "explain",
        "pd_operator.cli.decisions:explain",
        "Print the last decision about a service, link by link.",
    ),
    LazyCommand(
        "history",
        "pd_operator.cli.decisions:history",
        "Print the last changes of a service's workers: when, from what to what, and why.",
    ),
    LazyCommand(
        "profile",
        "pd_operator.cli.profiling.command:app",
        "Makes and shows performance profiles, which say what one worker can do.",
    ),
)
"""In the order of the help; each beside where it is and the first sentence of its own help."""


class Commands(TyperGroup):
    """`COMMANDS`, as one command line."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings | {"commands": list(COMMANDS)})


app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def kubectl_pd() -> None:
    """Looks into PDInferenceServices. Installed as kubectl-pd on PATH, it is `kubectl pd`."""


def main() -> None:
    """Run; a part that is not installed ends it with a sentence that says how to install it."""
    try:
        app()
    except ModuleNotFoundError as error:
        raise missing_part(error) from error
