"""From what was asked on the command line to a proposal."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.cli.resources import fault
from pd_operator.cli.simulating.comparison import objectives_of
from pd_operator.cli.simulating.request import Flags, SimulationRequest, ask
from pd_operator.cli.simulating.service import Which
from pd_operator.cli.simulating.source import PastFlags, with_requests
from pd_operator.cli.traces.errors import TraceError
from pd_operator.cli.tuning.candidates import AS_IT_IS, candidates
from pd_operator.cli.tuning.sweep import Kept, sweep
from pd_operator.cli.tuning.trial import Tried, cheapest
from pd_operator.cli.tuning.words import Tuning, plain, tell
from pd_operator.performance import ProfileError
from pd_operator.planning.plan import PlanningError

EARLIER_SHARE = 2 / 3
_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True)
class Means:
    """How much work at once, where to keep what was found, and how to answer."""

    jobs: int
    resume: Path | None
    as_json: bool


def run(which: Which, own: PastFlags, flags: Flags, means: Means) -> None:
    """Try, check and propose; ends with a sentence on stderr where that cannot be."""
    try:
        earlier, later = parts(*with_requests(which, flags, own))
        tuning = tuned(earlier, later, means)
    except (PlanningError, ProfileError, TraceError, OSError) as error:
        raise fault(str(error)) from error
    if means.as_json:
        typer.echo(json.dumps(plain(tuning), indent=2))
    else:
        tell(tuning, Console())


def parts(service: PDInferenceService, flags: Flags) -> tuple[SimulationRequest, SimulationRequest]:
    """The earlier and the later part; for the later one the earlier is history."""
    whole = ask(service, flags)
    cut = EARLIER_SHARE * whole.requests.span_seconds
    count = int(np.searchsorted(whole.requests.arrival_seconds, cut))
    hours = flags.history_hours + cut / _SECONDS_PER_HOUR
    return (
        replace(whole, requests=whole.requests.part(0, count)),
        ask(service, replace(flags, history_hours=hours)),
    )


def tuned(earlier: SimulationRequest, later: SimulationRequest, means: Means) -> Tuning:
    """All candidates on the earlier part; the chosen one beside today's settings on the later."""
    objectives, tried_ones = objectives_of(earlier), candidates()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task("settings tried", total=len(tried_ones))

        def swept(request: SimulationRequest, *asked: int) -> list[Tried]:
            return sweep(
                request,
                [tried_ones[number] for number in asked],
                jobs=means.jobs,
                kept=Kept(means.resume, request),
                advance=lambda: progress.advance(task),
            )

        trials = swept(earlier, *range(len(tried_ones)))
        best = cheapest(trials, objectives)
        if best is None or best[0] is AS_IT_IS:
            return Tuning(objectives, trials, best and best[0], ())
        progress.update(task, total=len(tried_ones) + 2)
        return Tuning(objectives, trials, best[0], swept(later, 0, tried_ones.index(best[0])))
