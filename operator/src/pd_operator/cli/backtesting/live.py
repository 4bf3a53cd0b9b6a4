"""The past of a live service, as loads to replay."""

from pd_operator.api.autoscaling import ForecastSpec
from pd_operator.cli.backtesting.loads import LoadError, Loads
from pd_operator.cli.own_past import PastSource, read_history
from pd_operator.cli.traces.errors import TraceError


def read_past(source: PastSource, spec: ForecastSpec) -> Loads:
    """As much of the past as `spec` asks for and Prometheus has; `LoadError` where it has none."""
    try:
        return Loads.of_history(str(source.key), read_history(source, spec))
    except TraceError as error:
        raise LoadError(str(error)) from error
