"""Reads a PDInferenceService for a command line, and ends it with a sentence where it cannot."""

import asyncio

import typer
from pydantic import ValidationError

from pd_operator.actuation.cluster import Cluster, ClusterError, Object
from pd_operator.actuation.kinds import PD_SERVICE
from pd_operator.actuation.kubeconfig import KubeconfigError
from pd_operator.api.v1alpha1 import PDInferenceService


def read_resource(name: str, namespace: str | None, context: str | None) -> Object:
    """The service `name`, from the context's namespace where none is given."""
    try:
        cluster = Cluster.connect(context=context)
        place = namespace or cluster.namespace
        found = asyncio.run(cluster.get(PD_SERVICE, place, name))
    except (KubeconfigError, ClusterError) as error:
        raise fault(str(error)) from error
    if found is None:
        raise fault(
            f"no PDInferenceService {name!r} in namespace {place!r}; "
            "`kubectl get pdis -A` lists them"
        )
    return found


def read_service(name: str, namespace: str | None, context: str | None) -> PDInferenceService:
    """The same, as this version's API reads it."""
    try:
        return PDInferenceService.parse(read_resource(name, namespace, context))
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, one["loc"])) for one in error.errors())
        raise fault(f"service {name!r} does not fit this version's API: {fields}") from error


def fault(message: str) -> typer.Exit:
    """Print an error; what comes back is to be raised."""
    typer.echo(f"error: {message}", err=True)
    return typer.Exit(1)
