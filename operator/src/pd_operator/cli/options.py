"""Options that several of the `kubectl pd` commands have."""

from pathlib import Path
from typing import Annotated

import typer

Namespace = Annotated[str | None, typer.Option("--namespace", "-n", help="Default: the context's.")]
Context = Annotated[str | None, typer.Option(help="Context of the kubeconfig.")]
Report = Annotated[
    Path | None,
    typer.Option(help="Also write a report with plots: one HTML file with everything in it."),
]
