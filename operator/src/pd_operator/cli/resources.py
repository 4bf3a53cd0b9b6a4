"""Reads a PDInferenceService for a command line, and ends it with a sentence where it cannot."""

import asyncio

import typer
from pydantic import ValidationError

from pd_operator.actuation.cluster import Cluster, ClusterError, Object
from pd_operator.actuation.kinds import PD_SERVICE
from pd_operator.actuation.kubeconfig import KubeconfigError
from pd_operator.api.v1alpha1 import PDInferenceService


class ServiceReader:
    """Reads the service `name`, from the context's namespace where none is given.

    Each reading ends the command with a sentence (`typer.Exit`) where there is no service.
    """

    def __init__(self, name: str, namespace: str | None, context: str | None) -> None:
        self.cluster = connect(context)
        self.name, self.namespace = name, namespace or self.cluster.namespace

    def resource(self) -> Object:
        """The object as the API server has it now."""
        try:
            found = asyncio.run(self.cluster.get(PD_SERVICE, self.namespace, self.name))
        except ClusterError as error:
            raise fault(str(error)) from error
        if found is None:
            raise fault(
                f"no PDInferenceService {self.name!r} in namespace {self.namespace!r}; "
                "`kubectl get pdis -A` lists them"
            )
        return found

    def read(self) -> PDInferenceService:
        """The same, as this version's API reads it."""
        try:
            return PDInferenceService.parse(self.resource())
        except ValidationError as error:
            fields = ", ".join(".".join(map(str, one["loc"])) for one in error.errors())
            raise fault(
                f"service {self.name!r} does not fit this version's API: {fields}"
            ) from error


def connect(context: str | None) -> Cluster:
    """The cluster of the kubeconfig."""
    try:
        return Cluster.connect(context=context)
    except KubeconfigError as error:
        raise fault(str(error)) from error


def read_resource(name: str, namespace: str | None, context: str | None) -> Object:
    """The object of the service `name`, read once."""
    return ServiceReader(name, namespace, context).resource()


def read_service(name: str, namespace: str | None, context: str | None) -> PDInferenceService:
    """The service `name`, read once."""
    return ServiceReader(name, namespace, context).read()


def fault(message: str) -> typer.Exit:
    """Print an error; what comes back is to be raised."""
    typer.echo(f"error: {message}", err=True)
    return typer.Exit(1)
