"""Where the requests come from that are played: a trace, or the service's own past."""

from dataclasses import dataclass, replace

from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.cli.resources import ServiceReader, fault
from pd_operator.cli.simulating.own_past import read_own_past
from pd_operator.cli.simulating.request import Flags
from pd_operator.cli.simulating.service import Which
from pd_operator.planning.plan import PlanningError


@dataclass(frozen=True)
class PastFlags:
    """Of a service's own past: which Prometheus knows it, and how much is played.

    - `prometheus`: its address; None: as the service or its operator has it.
    - `hours`: the newest ones, played. `known_hours`: those before them that the forecaster knows;
      None: all that there are.
    """

    prometheus: str | None = None
    hours: float = 24.0
    known_hours: float | None = None


def with_requests(which: Which, flags: Flags, own: PastFlags) -> tuple[PDInferenceService, Flags]:
    """The service that is asked about, and the flags with its own past where there is no trace.

    `PlanningError` or `TraceError` where there is neither; ends with a sentence where the service
    is not there.
    """
    if flags.trace is not None:
        return which.service(), replace(flags, history_hours=own.known_hours or 0.0)
    if which.name is None or which.file is not None:
        raise fault(
            "give the requests with --trace FILE, or the name of a service that is there: then "
            "requests like those of its own past are played"
        )
    if flags.speed != 1.0:
        raise PlanningError("--speed is for a --trace; a service's own past is played as it was")
    if not own.hours > 0:
        raise PlanningError(f"--hours is above 0, not {own.hours:g}")
    services = ServiceReader(which.name, which.namespace, which.context)
    service, past = read_own_past(services, own.prometheus)
    if own.known_hours is not None:
        past = past.newest(own.hours + own.known_hours)
    return service, replace(flags, past=past, history_hours=max(0.0, past.hours - own.hours))
