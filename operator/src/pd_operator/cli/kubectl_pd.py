"""``kubectl pd``: asks a PDInferenceService why it has as many workers as it has."""

import asyncio
from enum import StrEnum
from typing import Annotated

import typer
from kubernetes.config import ConfigException, list_kube_config_contexts
from rich.console import Console

from pd_operator.actuation.cluster import Cluster, ClusterError, Object
from pd_operator.actuation.kinds import PD_SERVICE
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.cli.explanation import explain_service

app = typer.Typer(
    help="Looks into PDInferenceServices. Installed as kubectl-pd on PATH, it is `kubectl pd`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


class Output(StrEnum):
    """How an answer is printed."""

    TEXT = "text"
    JSON = "json"


@app.callback()
def main() -> None:
    """Keep `explain` a sub-command although it is the only one so far."""


@app.command()
def explain(
    name: Annotated[str, typer.Argument(help="Name of the PDInferenceService.")],
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", help="Default: the context's.")
    ] = None,
    context: Annotated[str | None, typer.Option(help="Context of the kubeconfig.")] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="text or json.")] = Output.TEXT,
) -> None:
    """Print the last decision about a service, link by link.

    Each line is one link of the chain: what it made of the number of prefill
    and decode workers, and why.
    """
    service = PDInferenceService.parse(_read(name, namespace, context))
    if output is Output.JSON:
        typer.echo(service.status.model_dump_json(by_alias=True, exclude_none=True, indent=2))
        return
    explain_service(service, Console())


def _read(name: str, namespace: str | None, context: str | None) -> Object:
    try:
        cluster = Cluster.connect(context=context)
        place = namespace or _namespace_of(context)
        found = asyncio.run(cluster.get(PD_SERVICE, place, name))
    except (ConfigException, ClusterError) as error:
        raise _fault(str(error)) from error
    if found is None:
        raise _fault(
            f"no PDInferenceService {name!r} in namespace {place!r}; "
            "`kubectl get pdis -A` lists them"
        )
    return found


def _namespace_of(context: str | None) -> str:
    """The namespace of a kubeconfig's context, as kubectl takes it."""
    contexts, active = list_kube_config_contexts()
    chosen = next((item for item in contexts if item["name"] == context), active)
    return str(chosen["context"].get("namespace", "default"))


def _fault(message: str) -> typer.Exit:
    typer.echo(f"error: {message}", err=True)
    return typer.Exit(1)
