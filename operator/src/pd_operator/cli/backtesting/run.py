"""From what was asked on the command line to a table and a report."""

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pd_operator.api.autoscaling import ForecastModel, ForecastSpec
from pd_operator.cli.backtesting.files import FileOptions, read_file
from pd_operator.cli.backtesting.live import read_past
from pd_operator.cli.backtesting.loads import LoadError, Loads
from pd_operator.cli.backtesting.replay import Replay, forecasts_to_make, replay
from pd_operator.cli.backtesting.rows import Rows
from pd_operator.cli.backtesting.words import plain, tell
from pd_operator.cli.own_past import PastSource
from pd_operator.cli.prometheus_from_here import (
    NO_ADDRESS,
    prometheus_from_here,
    prometheus_of,
)
from pd_operator.cli.resources import ServiceReader, fault
from pd_operator.cli.traces.errors import TraceError
from pd_operator.cli.traces.units import TimeOptions
from pd_operator.demand import NotEnoughHistoryError
from pd_operator.demand.backtest import BacktestPlan
from pd_operator.demand.forecast import RELEASE_PERCENT, steps_to
from pd_operator.telemetry.series import series_of

DEFAULT_AHEAD_SECONDS = (300.0, 600.0, 900.0, 1800.0)
ALWAYS_ASKED = (5, 25, 50, 75, RELEASE_PERCENT, 95, 99)


@dataclass(frozen=True)
class Request:
    """The command's options as given; None where the default of service or file holds."""

    name: str | None
    file: Path | None
    namespace: str | None
    context: str | None
    prometheus: str | None
    days: int | None
    model: ForecastModel | None
    ahead_seconds: tuple[float, ...]
    percentile: int | None
    bin_seconds: int | None
    season_seconds: int | None
    times: TimeOptions
    columns: tuple[str, ...]
    rows: Rows
    forecasts: int
    html: Path | None
    as_json: bool


def run(request: Request) -> None:
    """Replay what was asked for; ends with a sentence on stderr where that cannot be."""
    if request.html is not None and find_spec("matplotlib") is None:
        raise fault("the report's plots need matplotlib: pip install 'pd-operator[backtest]'")
    try:
        loads, defaults, leads = _asked_for(request)
        done = _replayed(
            loads, _plan(request, loads, defaults, leads), _percentile(request, defaults)
        )
    except (LoadError, TraceError, NotEnoughHistoryError) as error:
        raise fault(str(error)) from error
    if request.as_json:
        typer.echo(json.dumps(plain(done), indent=2))
    else:
        tell(done, Console())
    if request.html is not None:
        _write(request.html, done)
        typer.echo(f"Report: {request.html}", err=True)


def _asked_for(request: Request) -> tuple[Loads, ForecastSpec, tuple[float, ...]]:
    """The loads to replay, how they are forecast, and the lead times of their service."""
    match request.name, request.file:
        case str() as name, None:
            return _of_service(name, request)
        case None, Path() as file:
            return _of_file(file, request)
        case _:
            raise fault("say what to replay: the name of a PDInferenceService, or --file PATH")


def _of_file(file: Path, request: Request) -> tuple[Loads, ForecastSpec, tuple[float, ...]]:
    options = FileOptions(request.times, request.columns, request.rows, request.bin_seconds or None)
    return read_file(file, options), ForecastSpec(), ()


def _of_service(name: str, request: Request) -> tuple[Loads, ForecastSpec, tuple[float, ...]]:
    services = ServiceReader(name, request.namespace, request.context)
    service = services.read()
    spec = service.spec
    changes = {"history_days": request.days, "resolution_seconds": request.bin_seconds}
    wanted = spec.autoscaling.forecast.model_copy(
        update={name: value for name, value in changes.items() if value is not None}
    )
    url = prometheus_of(services.cluster, service, request.prometheus)
    if url is None:
        raise fault(f"{NO_ADDRESS} Give it with --prometheus URL.")
    scrape = spec.metrics.scrape_interval_seconds
    reached = prometheus_from_here(services.cluster, url, spec.metrics)
    loads = read_past(PastSource(service.key, reached, scrape, series_of(spec)), wanted)
    waits = spec.autoscaling.period_seconds + spec.metrics.scrape_interval_seconds
    startups = {spec.prefill.expected_startup_seconds, spec.decode.expected_startup_seconds}
    return loads, wanted, tuple(float(startup + waits) for startup in sorted(startups))


def _plan(
    request: Request, loads: Loads, defaults: ForecastSpec, leads: tuple[float, ...]
) -> BacktestPlan:
    """What is replayed: every horizon in whole bins, once, in the order asked."""
    asked = request.ahead_seconds or (*leads, *DEFAULT_AHEAD_SECONDS)
    step = loads.bin_seconds
    horizons = tuple(dict.fromkeys(steps_to(seconds, step) * step for seconds in asked))
    season = request.season_seconds
    if season and (season % step or season < 2 * step):
        raise LoadError(
            f"--season {season}: not a whole number of the load's bins of {step:g} s, at least two"
        )
    return BacktestPlan(
        model=(request.model or defaults.model).value,
        season_seconds=defaults.season_seconds if season is None else season,
        horizons_seconds=horizons,
        percentiles=tuple(sorted({*ALWAYS_ASKED, _percentile(request, defaults)})),
        maximum_origins=request.forecasts,
    )


def _percentile(request: Request, defaults: ForecastSpec) -> int:
    return request.percentile or defaults.quantile_percent


def _replayed(loads: Loads, plan: BacktestPlan, percentile: int) -> Replay:
    total = forecasts_to_make(loads, plan)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task(f"replaying {loads.name}", total=total)
        return replay(loads, plan, percentile, lambda: progress.advance(task))


def _write(path: Path, done: Replay) -> None:
    from pd_operator.cli.backtesting.page import write_page  # noqa: PLC0415 - matplotlib: an extra

    try:
        write_page(path, done)
    except OSError as error:
        raise fault(f"the report cannot be written: {error}") from error
