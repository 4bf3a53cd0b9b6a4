"""The command line of `kubectl pd check`."""

import asyncio
import json
from typing import Annotated

import typer
from rich.console import Console

from pd_operator.actuation.cluster import Cluster, ClusterError
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.cli.checking.findings import Finding, State
from pd_operator.cli.checking.words import plain, table
from pd_operator.cli.options import Context, Namespace, Output, OutputFormat, Prometheus
from pd_operator.cli.resources import ServiceReader, connect, fault

DEFAULT_OPERATOR = "pd-operator-system/pd-operator"


def check(
    name: Annotated[
        str | None, typer.Argument(help="A PDInferenceService, to look at what it needs, too.")
    ] = None,
    namespace: Namespace = None,
    context: Context = None,
    prometheus: Prometheus = None,
    operator: Annotated[
        str | None,
        typer.Option(
            metavar="NAMESPACE/NAME",
            help="The operator's Lease. Default: that of the service's operator, else "
            f"{DEFAULT_OPERATOR}.",
        ),
    ] = None,
    output: OutputFormat = Output.TEXT,
) -> None:
    """Look whether everything that pd-operator needs is there, and say what to do.

    CRD, operator, monitors, GPUs and your own rights; with a NAME also its
    metrics, monitor, profile and conditions. Ends with status 1 where
    something must be done.

    kubectl pd check

    kubectl pd check chat --prometheus http://127.0.0.1:9090
    """
    service = ServiceReader(name, namespace, context).read() if name else None
    cluster = connect(context)
    place = namespace or cluster.namespace
    lease = operator or _operator_of(service)
    if lease.count("/") != 1:
        raise fault(f"--operator is NAMESPACE/NAME, not {lease!r}")
    try:
        findings = asyncio.run(_look(cluster, place, lease, service, prometheus))
    except ClusterError as error:
        raise fault(str(error)) from error
    if output is Output.JSON:
        typer.echo(json.dumps(plain(findings), indent=2))
    else:
        Console().print(table(findings))
    if any(finding.state is State.ACT for finding in findings):
        raise typer.Exit(1)


def _operator_of(service: PDInferenceService | None) -> str:
    manager = service.status.managed_by if service else None
    return manager.operator if manager else DEFAULT_OPERATOR


async def _look(
    cluster: Cluster,
    namespace: str,
    lease: str,
    service: PDInferenceService | None,
    prometheus: str | None,
) -> list[Finding]:
    from pd_operator.cli.checking.installation import installation  # noqa: PLC0415 - loads seconds
    from pd_operator.cli.checking.nodes import gpus  # noqa: PLC0415 - as above
    from pd_operator.cli.checking.rights import rights  # noqa: PLC0415 - as above
    from pd_operator.cli.checking.service import service_pieces  # noqa: PLC0415 - as above

    findings = [finding async for finding in installation(cluster, lease)]
    findings += [await gpus(cluster, service), await rights(cluster, namespace)]
    if service is not None:
        findings += [one async for one in service_pieces(cluster, service, prometheus)]
    return findings
