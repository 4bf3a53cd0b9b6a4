"""Options that several of the `kubectl pd` commands have: each means one thing in all of them."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pd_operator.cli.traces.units import TimeUnit


class Output(StrEnum):
    """How an answer is printed: for people, or for programs."""

    TEXT = "text"
    JSON = "json"


Name = Annotated[str, typer.Argument(help="Name of the PDInferenceService.")]
Namespace = Annotated[str | None, typer.Option("--namespace", "-n", help="Default: the context's.")]
Context = Annotated[str | None, typer.Option(help="Context of the kubeconfig.")]
OutputFormat = Annotated[Output, typer.Option("--output", "-o", help="text or json.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Look again, until Ctrl-C.")]
Report = Annotated[
    Path | None,
    typer.Option(help="Also write a report with plots: one HTML file with everything in it."),
]
Prometheus = Annotated[
    str | None,
    typer.Option(
        help="URL of the service's Prometheus, from which the load is read. That of a Service in "
        "the cluster (http://NAME.NAMESPACE:PORT) is reached through the API server from outside."
    ),
]
Trace = Annotated[
    Path | None,
    typer.Option(
        help="CSV, TSV or parquet with a row per request: arrival, prompt and output tokens. "
        "Default: requests like those of the service's own past, from its Prometheus."
    ),
]
TimeColumn = Annotated[
    str | None, typer.Option("--time", help="The file's column of times. Default: by its name.")
]
TimeUnitOption = Annotated[
    TimeUnit | None,
    typer.Option(
        "--time-unit",
        help="Of times that are numbers. Default: as the column's name ends (_s, _ms), or that of "
        "moments since 1970.",
    ),
]
ServiceName = Annotated[
    str | None, typer.Argument(help="A PDInferenceService that is there; else give --file.")
]
ServiceFile = Annotated[
    Path | None, typer.Option("--file", "-f", help="The service's YAML, applied or not.")
]
KnownHours = Annotated[
    float | None,
    typer.Option(
        "--history",
        help="Hours at the trace's beginning that the forecaster knows already (default: none); of "
        "a service's own past, those before --hours (default: all).",
    ),
]
PlayedHours = Annotated[
    float,
    typer.Option(
        "--hours", help="Without --trace: the newest hours of the service's own past, to play."
    ),
]
Speed = Annotated[float, typer.Option(help="Play the trace so many times as fast.")]
Profile = Annotated[
    str | None, typer.Option(help="Profile of the engine: a bundled name, or a .json file.")
]
Seed = Annotated[int, typer.Option(help="For what the router draws.")]
