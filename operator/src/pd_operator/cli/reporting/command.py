"""The command line of `kubectl pd report`."""

import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from pd_operator.cli.moments import span
from pd_operator.cli.options import Context, Name, Namespace, Prometheus
from pd_operator.cli.resources import ServiceReader, fault


def report(
    name: Name,
    since: Annotated[
        str, typer.Option(metavar="SPAN", help="How far back: 90m, 24h or 7d.")
    ] = "24h",
    html: Annotated[
        Path | None, typer.Option(help="The HTML file to write. Default: NAME.html.")
    ] = None,
    namespace: Namespace = None,
    context: Context = None,
    prometheus: Prometheus = None,
) -> None:
    """Write a service's past as one HTML file: load, forecast, workers, attainment, changes.

    It is made of the operator's own series in Prometheus, and of the changes
    that the status remembers.

    kubectl pd report chat --since 24h --prometheus http://127.0.0.1:9090
    """
    back = span(since).total_seconds()
    if find_spec("matplotlib") is None:
        raise fault("the report's plots need matplotlib: pip install 'pd-operator[backtest]'")
    from pd_operator.cli.prometheus_from_here import (  # noqa: PLC0415 - as below
        NO_ADDRESS,
        prometheus_from_here,
        prometheus_of,
    )
    from pd_operator.cli.reporting.page import write_page  # noqa: PLC0415 - matplotlib: an extra
    from pd_operator.cli.reporting.past import (  # noqa: PLC0415 - loads for a second
        NoPastError,
        PastReader,
    )
    from pd_operator.telemetry.prometheus import PrometheusReader  # noqa: PLC0415 - as above

    services = ServiceReader(name, namespace, context)
    service = services.read()
    url = prometheus_of(services.cluster, service, prometheus)
    if url is None:
        raise fault(f"{NO_ADDRESS} Give it with --prometheus URL.")
    now, place = time.time(), html or Path(f"{name}.html")
    reached = prometheus_from_here(services.cluster, url, service.spec.metrics)
    reader = PrometheusReader(reached.url, timeout_seconds=60.0, access=reached.access)
    try:
        past = PastReader(reader, service.key, now - back, now).read(
            service.spec.autoscaling.forecast.quantile_percent
        )
        if not past.known:
            raise fault(f"{url} knows nothing of {service.key}. Does it scrape the operator?")
        write_page(place, service, past)
    except NoPastError as error:
        raise fault(f"{error} {reached.advice}") from error
    except OSError as error:
        raise fault(f"the report cannot be written: {error}") from error
    finally:
        reader.close()
    typer.echo(f"Report: {place}", err=True)
