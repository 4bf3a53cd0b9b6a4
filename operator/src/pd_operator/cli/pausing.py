"""`kubectl pd pause` and `resume`: by annotation, as the spec may belong to Git."""

import asyncio
from typing import Annotated

import typer

from pd_operator.actuation.cluster import Cluster, ClusterError
from pd_operator.actuation.kinds import PD_SERVICE
from pd_operator.api.autoscaling import Mode
from pd_operator.api.names import ANNOTATION_PAUSED, ANNOTATION_PAUSED_BY
from pd_operator.cli.kinds import SELF_SUBJECT_REVIEW
from pd_operator.cli.options import Context, Name, Namespace
from pd_operator.cli.resources import ServiceReader, fault

LONGEST_REASON = 512
LONGEST_NAME = 256


def pause(
    name: Name,
    reason: Annotated[
        str | None,
        typer.Option("--reason", "-r", help="Why, for the others: it stands in the status."),
    ] = None,
    namespace: Namespace = None,
    context: Context = None,
) -> None:
    """Hold a service's workers as they are, as mode Paused does, whatever its spec says.

    An annotation says so, and a GitOps tool that owns the spec leaves it
    alone. `kubectl pd resume` takes it away.

    kubectl pd pause chat --reason "load test until 16:00"
    """
    if reason is not None and (len(reason) > LONGEST_REASON or not reason.strip().isprintable()):
        raise fault(f"a reason is one line of at most {LONGEST_REASON} characters")
    services = ServiceReader(name, namespace, context)
    services.resource()
    who = asyncio.run(_who(services.cluster))
    marks = {ANNOTATION_PAUSED: (reason or "").strip() or "true", ANNOTATION_PAUSED_BY: who}
    _mark(services, marks)
    typer.echo(f"{services.namespace}/{name} is paused: its workers stay as they are")


def resume(name: Name, namespace: Namespace = None, context: Context = None) -> None:
    """Let a paused service's workers follow the load again."""
    services = ServiceReader(name, namespace, context)
    service = services.read()
    _mark(services, {ANNOTATION_PAUSED: None, ANNOTATION_PAUSED_BY: None})
    mode = service.spec.autoscaling.mode
    told = "" if mode is Mode.ACTIVE else f"; its spec says mode {mode}, which holds"
    typer.echo(f"{services.namespace}/{name} is no longer paused by annotation{told}")


def _mark(services: ServiceReader, annotations: dict[str, str | None]) -> None:
    mark = services.cluster.mark(
        PD_SERVICE, services.namespace, services.name, annotations=annotations
    )
    try:
        asyncio.run(mark)
    except ClusterError as error:
        raise fault(str(error)) from error


async def _who(cluster: Cluster) -> str | None:
    """The caller's name, as the API server knows it; None where it does not say."""
    body = {
        "apiVersion": SELF_SUBJECT_REVIEW.api_version,
        "kind": SELF_SUBJECT_REVIEW.name,
        "metadata": {},
    }
    try:
        review = await cluster.create(SELF_SUBJECT_REVIEW, "", body)
    except ClusterError:
        return None
    name = str(review.get("status", {}).get("userInfo", {}).get("username", ""))
    return name[:LONGEST_NAME] or None
