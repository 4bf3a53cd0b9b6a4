"""`pd-operator`: the operator itself, and the router's sidecar."""

import asyncio
import logging
import os
import re
import socket
from enum import StrEnum
from importlib.metadata import version as distribution_version
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from pd_operator.cli.extras import missing_part
from pd_operator.cli.logs import LogFormat, set_up_logging

app = typer.Typer(
    help="Autoscales the prefill and decode pools of LLM services run on SGLang.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


class LogLevel(StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"


@app.command()
def run(  # noqa: PLR0913, PLR0917 - typer makes each parameter an option
    namespace: Annotated[
        list[str] | None,
        typer.Option(help="Watch this namespace; repeat for several. Default: all namespaces."),
    ] = None,
    listen: Annotated[
        str, typer.Option(help="HOST:PORT of the live page, /metrics, /healthz and /readyz.")
    ] = "0.0.0.0:8080",
    name: Annotated[
        str | None,
        typer.Option(
            envvar="PD_OPERATOR_NAME",
            help="This installation's name in its namespace, by which others know whose a service "
            "is, and the name of the Lease that says which of its pods acts. Default: the host's.",
        ),
    ] = None,
    worker_table_image: Annotated[
        str,
        typer.Option(
            envvar="PD_OPERATOR_WORKER_TABLE_IMAGE", help="Image of the routers' sidecar."
        ),
    ] = "pd-operator/operator:latest",
    pod_monitor_label: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE on the services' PodMonitors; repeat for several."),
    ] = None,
    prometheus_url: Annotated[
        str, typer.Option(help="The Prometheus of services whose spec.metrics names none.")
    ] = "",
    cluster_label: Annotated[
        str | None,
        typer.Option(
            help="NAME=VALUE: the external label of this cluster's series, where a Prometheus has "
            "those of several clusters. Every question then asks for it."
        ),
    ] = None,
    lease_times: Annotated[
        str,
        typer.Option(
            metavar="SECONDS,SECONDS,SECONDS",
            help="How long another pod waits for a leader that renews its Lease no more, how long "
            "a leader acts that cannot renew it, and how often they try.",
        ),
    ] = "15,10,2",
    log_format: Annotated[LogFormat, typer.Option(help="How log lines look.")] = LogFormat.JSON,
    log_level: Annotated[LogLevel, typer.Option(help="How much is logged.")] = LogLevel.INFO,
) -> None:
    """Run the operator until SIGTERM.

    Outside a cluster it uses KUBECONFIG.
    """
    # Imported here, as the sidecar shares this program and needs a tenth of its memory.
    from pd_operator.actuation.kubeconfig import (  # noqa: PLC0415 - spares the sidecar its memory
        KubeconfigError,
    )
    from pd_operator.controller.process import (  # noqa: PLC0415 - spares the sidecar its memory
        OperatorOptions,
        run_operator,
    )
    from pd_operator.leadership.election import (  # noqa: PLC0415 - spares the sidecar its memory
        ElectionTimes,
    )

    set_up_logging(log_format, log_level.value)
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal():
        raise typer.BadParameter(f"{listen!r} is not HOST:PORT", param_hint="--listen")
    try:
        times = ElectionTimes(*map(float, lease_times.split(",")))
    except (TypeError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint="--lease-times") from error
    options = OperatorOptions(
        namespaces=tuple(namespace or ()),
        host=host,
        port=int(port),
        name=name or socket.gethostname(),
        home=os.environ.get("POD_NAMESPACE"),
        pod=os.environ.get("POD_NAME") or socket.gethostname(),
        operator_image=worker_table_image,
        pod_monitor_labels=dict(map(_label, pod_monitor_label or ())),
        election_times=times,
        prometheus_url=_base_url(prometheus_url),
        cluster_labels=(_cluster_label(cluster_label),) if cluster_label else (),
    )
    try:
        asyncio.run(run_operator(options))
    except KubeconfigError as error:
        _no_way(error)


def _no_way(error: Exception) -> NoReturn:
    logging.getLogger(__name__).critical("no way to the API server: %s", error)
    raise typer.Exit(1) from error


def _base_url(text: str) -> str:
    """The address as `spec.metrics.prometheusUrl` would have to be."""
    from pydantic import ValidationError  # noqa: PLC0415 - as above

    from pd_operator.api.metrics import MetricsSpec  # noqa: PLC0415 - as above

    if not text:
        return ""
    try:
        return MetricsSpec(prometheus_url=text).prometheus_url or ""
    except ValidationError as error:
        told = "is no address without user, password and query"
        raise typer.BadParameter(told, param_hint="--prometheus-url") from error


def _cluster_label(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name) or not value:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--cluster-label")
    return name, value


def _label(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not key or not separator:
        raise typer.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--pod-monitor-label")
    return key, value


@app.command("worker-table")
def worker_table(
    service: Annotated[str, typer.Option(help="Name of the PDInferenceService.")],
    namespace: Annotated[str, typer.Option(help="Its namespace.")],
    output: Annotated[Path, typer.Option(help="The file that the router's discovery reads.")],
) -> None:
    """Keep the router's worker table equal to the service's ready pods, until SIGTERM."""
    from pd_operator.actuation.kubeconfig import (  # noqa: PLC0415 - as above
        KubeconfigError,
        read_connection,
    )
    from pd_operator.api.names import ServiceKey  # noqa: PLC0415 - as above
    from pd_operator.routing.sidecar import main  # noqa: PLC0415 - the operator need not load it

    set_up_logging(LogFormat.JSON, LogLevel.INFO.value)
    try:
        ended = main(ServiceKey(namespace, service), output, lambda: read_connection().client())
    except KubeconfigError as error:
        _no_way(error)
    raise typer.Exit(ended)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(distribution_version("pd-operator"))


def main() -> None:
    """Run; a part that is not installed ends it with a sentence that says how to install it."""
    try:
        app()
    except ModuleNotFoundError as error:
        raise missing_part(error, extra="operator") from error


if __name__ == "__main__":
    logging.captureWarnings(capture=True)
    main()
