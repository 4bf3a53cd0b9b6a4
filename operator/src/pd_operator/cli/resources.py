"""Reads a PDInferenceService for a command line, and ends it with a sentence where it cannot."""

import asyncio

import typer
from kubernetes.config import ConfigException, list_kube_config_contexts

from pd_operator.actuation.cluster import Cluster, ClusterError, Object
from pd_operator.actuation.kinds import PD_SERVICE


def read_resource(name: str, namespace: str | None, context: str | None) -> Object:
    """The service `name`, from the context's namespace where none is given."""
    try:
        cluster = Cluster.connect(context=context)
        place = namespace or _namespace_of(context)
        found = asyncio.run(cluster.get(PD_SERVICE, place, name))
    except (ConfigException, ClusterError) as error:
        raise fault(str(error)) from error
    if found is None:
        raise fault(
            f"no PDInferenceService {name!r} in namespace {place!r}; "
            "`kubectl get pdis -A` lists them"
        )
    return found


def fault(message: str) -> typer.Exit:
    """Print an error; what comes back is to be raised."""
    typer.echo(f"error: {message}", err=True)
    return typer.Exit(1)


def _namespace_of(context: str | None) -> str:
    """The namespace of a kubeconfig's context, as kubectl takes it."""
    contexts, active = list_kube_config_contexts()
    chosen = next((item for item in contexts if item["name"] == context), active)
    return str(chosen["context"].get("namespace", "default"))
