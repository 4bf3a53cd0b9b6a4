"""What is simulated: a service's spec, a trace, and who sizes the pools."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from pd_operator.api.autoscaling import Mode
from pd_operator.api.parallelism import Parallelism
from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.cli.simulating.own_past import OwnPast
from pd_operator.cli.simulating.what_if import WhatIf, what_if
from pd_operator.cli.sizing.profiles import read_profile
from pd_operator.cli.traces.requests import read_requests
from pd_operator.cli.traces.units import TimeOptions
from pd_operator.demand import DemandHistory
from pd_operator.performance import PerformanceProfile, load_bundled
from pd_operator.planning.parallelism import choose_tensor_parallel_for
from pd_operator.planning.plan import PlanningError
from pd_operator.simulation import Pools, Requests
from pd_operator.simulation.past import history_before

_SECONDS_PER_HOUR = 3600.0


class Earlier(Protocol):
    """The load before a simulation."""

    def history(self, bin_seconds: float) -> DemandHistory | None:
        """As a forecaster of such bins knows it, ending at 0; None where that is not one bin."""


@dataclass(frozen=True, eq=False)
class EarlierRequests:
    """The part of a trace before the simulation, `seconds` long."""

    requests: Requests
    seconds: float

    def history(self, bin_seconds: float) -> DemandHistory | None:
        """See `Earlier`."""
        bins = int(self.seconds // bin_seconds)
        if not bins:
            return None
        left_out = self.seconds - bins * bin_seconds
        first = int(np.searchsorted(self.requests.arrival_seconds, left_out))
        known = self.requests.part(first, len(self.requests))
        whole = Requests.of(
            known.arrival_seconds - left_out, known.prompt_tokens, known.output_tokens
        )
        return history_before(whole, bins, bin_seconds)


@dataclass(frozen=True)
class Flags:
    """What the command line asks for; None is not given.

    Requests are those of `trace`, or else of `past`.
    """

    trace: Path | None = None
    times: TimeOptions = field(default_factory=TimeOptions)
    past: OwnPast | None = None
    speed: float = 1.0
    history_hours: float = 0.0
    fixed: tuple[str, ...] = ()
    what_if: tuple[str, ...] = ()
    profile: str | None = None
    seed: int = 0


@dataclass(frozen=True, eq=False)
class SimulationRequest:
    """All that a simulation is made from.

    - `earlier`: the load before the simulation begins.
    - `begin_seconds`: Unix time of the simulation's second 0, by the trace's own clock: schedules
      count by it.
    - `fixed`: pools that stay as they are, to compare with.
    - `what_if`: the service with other settings, to compare with too.
    """

    name: str
    spec: PDInferenceServiceSpec
    profile: PerformanceProfile
    requests: Requests
    earlier: Earlier
    begin_seconds: float
    fixed: tuple[Pools, ...]
    seed: int
    what_if: tuple[WhatIf, ...] = ()


def ask(service: PDInferenceService, flags: Flags) -> SimulationRequest:
    """Put the request together.

    `PlanningError`, `ProfileError` or `TraceError` for what makes no sense.
    """
    profile = _profile(service.spec, flags)
    spec = _with_parallelism(service, profile)
    step = float(spec.autoscaling.forecast.resolution_seconds)
    played = _of_past(flags.past, flags) if flags.past else _of_trace(flags, step)
    return SimulationRequest(
        name=service.metadata.name,
        spec=_active(spec),
        profile=profile,
        requests=played.requests,
        earlier=played.earlier,
        begin_seconds=played.begin_seconds,
        fixed=tuple(_pools(text) for text in flags.fixed),
        seed=flags.seed,
        what_if=tuple(what_if(_active(spec), text) for text in flags.what_if),
    )


@dataclass(frozen=True, eq=False)
class _Played:
    """As `SimulationRequest` has it."""

    requests: Requests
    earlier: Earlier
    begin_seconds: float


def _of_past(past: OwnPast, flags: Flags) -> _Played:
    """A service's own past: what comes before is history as Prometheus has it."""
    bins = _known_bins(flags, past.hours * _SECONDS_PER_HOUR, past.history.bin_seconds, "past")
    begin = past.history.start_seconds + bins * past.history.bin_seconds
    earlier = past.before(begin, flags.seed)
    return _Played(past.since(begin, flags.seed), earlier, begin)


def _of_trace(flags: Flags, step: float) -> _Played:
    """A file's requests: what comes before is history as it would have been scraped."""
    first_seconds, requests = _read(flags)
    bins = _known_bins(flags, requests.span_seconds, step, "trace")
    begin = int(np.searchsorted(requests.arrival_seconds, bins * step))
    later = requests.part(begin, len(requests))
    return _Played(
        Requests.of(later.arrival_seconds - bins * step, later.prompt_tokens, later.output_tokens),
        EarlierRequests(requests.part(0, begin), bins * step),
        (first_seconds // step + bins) * step,
    )


def _known_bins(flags: Flags, span_seconds: float, step: float, what: str) -> int:
    """How many bins are history."""
    before = flags.history_hours * _SECONDS_PER_HOUR
    if not 0 <= before < span_seconds:
        raise PlanningError(
            f"--history is at least 0 and less than the {what}'s "
            f"{span_seconds / _SECONDS_PER_HOUR:.2f} hours"
        )
    return int(before // step)


def _read(flags: Flags) -> tuple[float, Requests]:
    """When the trace begins, and its requests from the first arrival on, at their speed."""
    if flags.trace is None:
        raise PlanningError("there are no requests to play")
    if not flags.speed > 0:
        raise PlanningError(f"--speed is above 0, not {flags.speed:g}")
    read = read_requests(flags.trace, flags.times)
    try:
        return float(read.arrival_seconds[0]), Requests.of(
            (read.arrival_seconds - read.arrival_seconds[0]) / flags.speed,
            np.maximum(read.prompt_tokens, 1),
            np.maximum(read.output_tokens, 1),
        )
    except ValueError as error:
        raise PlanningError(f"{flags.trace.name}: {error}") from None


def _with_parallelism(
    service: PDInferenceService, profile: PerformanceProfile
) -> PDInferenceServiceSpec:
    """The spec with the sizes that were chosen for it, or that would be."""
    if service.spec.parallelism is not Parallelism.MANUAL and service.status.parallelism is None:
        sizes = choose_tensor_parallel_for(service.spec, profile)
        return service.spec.with_tensor_parallel(sizes.prefill, sizes.decode)
    try:
        return service.with_tensor_parallel().spec
    except ValueError as error:
        raise PlanningError(str(error)) from None


def _active(spec: PDInferenceServiceSpec) -> PDInferenceServiceSpec:
    """The spec as if its decisions were carried out: that is what is asked."""
    autoscaling = spec.autoscaling.model_copy(update={"mode": Mode.ACTIVE})
    return spec.model_copy(update={"autoscaling": autoscaling})


def _profile(spec: PDInferenceServiceSpec, flags: Flags) -> PerformanceProfile:
    if flags.profile is not None:
        return read_profile(flags.profile)
    named = spec.engine.profile
    if named is None or named.name is None:
        raise PlanningError("the service names no bundled profile: give one with --profile")
    return load_bundled(named.name)


def _pools(text: str) -> Pools:
    try:
        prefill, decode = map(int, text.split(","))
        return Pools(prefill, decode)
    except ValueError:
        raise PlanningError(
            f"--fixed takes workers of prefill and decode, such as 2,4, not {text!r}"
        ) from None
