"""Puts the question together from flags, a trace, or a service that is there."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kubernetes.config import ConfigException
from pydantic import ValidationError

from pd_operator.actuation.cluster import Cluster, ClusterError
from pd_operator.actuation.kinds import CONFIG_MAP
from pd_operator.api.engine import ProfileRef
from pd_operator.api.objectives import Objective as ApiObjective
from pd_operator.api.parallelism import Parallelism
from pd_operator.api.router import PrefillPolicy
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.cli.resources import read_resource
from pd_operator.cli.sizing.question import MILLISECONDS, Method, Question
from pd_operator.cli.sizing.traces import read_trace
from pd_operator.performance import PerformanceProfile, load_bundled, parse_profile
from pd_operator.performance.calibration import PRIOR_BOUNDS, calibrated
from pd_operator.performance.prior import prior_profile
from pd_operator.performance.remembered import from_plain
from pd_operator.planning.errors import PlanningError
from pd_operator.planning.limits import BYTES_PER_GIGABIT, Limits
from pd_operator.planning.load import OUTPUT_CV, PROMPT_CV, Load, measured_load, steady_load
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.planning.parallelism import open_limits
from pd_operator.scaling.observation import Known
from pd_operator.telemetry.prometheus import PrometheusReader

_LOAD_WINDOW_SECONDS = 300.0
_PERCENTILE = 90


@dataclass(frozen=True)
class LoadFlags:
    """Where the load comes from; None is not given."""

    rate: float | None = None
    prompt: float | None = None
    output: float | None = None
    prompt_cv: float = PROMPT_CV
    output_cv: float = OUTPUT_CV
    arrival_scv: float = 1.0
    trace: Path | None = None
    window_seconds: float = _LOAD_WINDOW_SECONDS
    percent: float = 95.0
    prometheus: str | None = None


@dataclass(frozen=True)
class PlanFlags:
    """Everything else; None is not given, and a service's own value or the default counts."""

    profile: str | None = None
    ttft_ms: float | None = None
    tpot_ms: float | None = None
    percentile: int | None = None
    tp_prefill: tuple[int, ...] = ()
    tp_decode: tuple[int, ...] = ()
    same_size: bool = False
    budget: int | None = None
    gpus_per_node: int | None = None
    gigabits_per_gpu: float | None = None
    utilisation_percent: int = 85
    router: PrefillPolicy | None = None
    method: Method | None = None


def from_flags(load: LoadFlags, flags: PlanFlags) -> Question:
    """A question without a service; `PlanningError` for what is missing or makes no sense."""
    if flags.profile is None:
        raise PlanningError("name a service, or a --profile (`kubectl pd plan --profiles`)")
    if flags.ttft_ms is None or flags.tpot_ms is None:
        raise PlanningError("give both objectives, --ttft and --tpot, in milliseconds")
    percentile = _PERCENTILE if flags.percentile is None else flags.percentile
    return Question(
        load=_given_load(load),
        objectives=Objectives(
            _objective("--ttft", percentile, flags.ttft_ms),
            _objective("--tpot", percentile, flags.tpot_ms),
        ),
        profile=read_profile(flags.profile),
        limits=_limits(flags, Limits()),
        policy=flags.router or PrefillPolicy.POWER_OF_TWO,
        method=flags.method or Method.QUEUEING,
    )


def from_service(
    name: str, namespace: str | None, context: str | None, load: LoadFlags, flags: PlanFlags
) -> Question:
    """A question about a service that is there; `typer.Exit` where it cannot be read."""
    try:
        service = PDInferenceService.parse(read_resource(name, namespace, context))
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, one["loc"])) for one in error.errors())
        raise PlanningError(f"service {name!r} does not fit this version's API: {fields}") from None
    return about(service, context, load, flags)


def about(
    service: PDInferenceService, context: str | None, load: LoadFlags, flags: PlanFlags
) -> Question:
    """A question about a service as it is, flags before what its spec and status say."""
    spec = service.spec
    return Question(
        load=_service_load(service, load),
        objectives=Objectives(
            _own_objective("--ttft", spec.objectives.ttft, flags.ttft_ms, flags.percentile),
            _own_objective("--tpot", spec.objectives.tpot, flags.tpot_ms, flags.percentile),
        ),
        profile=read_profile(flags.profile)
        if flags.profile
        else _engines_as_they_are(service, context),
        limits=_limits(flags, _service_limits(service)),
        policy=flags.router or spec.router.prefill_policy,
        method=flags.method or Method(spec.autoscaling.method.value),
    )


def read_profile(name: str) -> PerformanceProfile:
    """A bundled profile, or that in a file of JSON; `ProfileError` says what is wrong with it."""
    path = Path(name)
    if path.suffix != ".json":
        return load_bundled(name)
    try:
        return parse_profile(path.read_bytes(), path.stem)
    except OSError as error:
        raise PlanningError(f"cannot read profile {name!r}: {error.strerror}") from None


def _given_load(flags: LoadFlags) -> Load:
    if flags.trace is not None:
        load = measured_load(read_trace(flags.trace), flags.window_seconds, flags.percent)
        return _at_rate(load, flags.rate)
    if flags.rate is None or flags.prompt is None or flags.output is None:
        raise PlanningError("give a load: --rate, --isl and --osl, or --trace FILE")
    return steady_load(
        flags.rate,
        flags.prompt,
        flags.output,
        prompt_cv=flags.prompt_cv,
        output_cv=flags.output_cv,
        arrival_scv=flags.arrival_scv,
    )


def _at_rate(load: Load, rate: float | None) -> Load:
    """The same requests, thinned or thickened to a rate of the busier pool."""
    if rate is None or load.requests_per_second == 0:
        return load
    steady_load(rate, 1.0, 1.0)  # refuses what makes no sense
    factor = rate / load.requests_per_second
    prefill, decode = (
        replace(one, requests_per_second=one.requests_per_second * factor)
        for one in (load.prefill, load.decode)
    )
    return Load(prefill, decode, f"{load.source}, scaled to {rate:g} requests/s")


def _service_load(service: PDInferenceService, flags: LoadFlags) -> Load:
    if flags.trace is not None:
        return _given_load(flags)
    if flags.prometheus is not None:
        return _prometheus_load(service, flags.prometheus)
    seen = service.status.demand
    rate, prompt, output = flags.rate, flags.prompt, flags.output
    if seen is not None:
        rate = seen.milli_requests_per_second / 1000 if rate is None else rate
        prompt = float(max(1, seen.mean_prompt_tokens)) if prompt is None else prompt
        output = float(max(1, seen.mean_output_tokens)) if output is None else output
    if rate is None or prompt is None or output is None:
        raise PlanningError(
            f"service {service.metadata.name!r} has no measured load yet: "
            "give --rate, --isl and --osl, or a --trace"
        )
    load = steady_load(
        rate,
        prompt,
        output,
        prompt_cv=flags.prompt_cv,
        output_cv=flags.output_cv,
        arrival_scv=flags.arrival_scv,
    )
    given = all(figure is not None for figure in (flags.rate, flags.prompt, flags.output))
    return load if given or seen is None else replace(load, source="the service's status")


def _prometheus_load(service: PDInferenceService, url: str) -> Load:
    reader = PrometheusReader(
        url, scrape_interval_seconds=float(service.spec.metrics.scrape_interval_seconds)
    )
    try:
        reading = reader.demand(service.key, time.time(), _LOAD_WINDOW_SECONDS)
    finally:
        reader.close()
    if not isinstance(reading, Known):
        raise PlanningError(f"Prometheus: {reading.message}")
    return Load(reading.value, reading.value, "Prometheus, the last 5 minutes")


def _engines_as_they_are(service: PDInferenceService, context: str | None) -> PerformanceProfile:
    """The service's profile, corrected by what the operator has learned of its engines."""
    reference, stored = service.spec.engine.profile, service.status.calibration
    learned = from_plain(stored.plain() if stored else {})
    if reference is None and learned.trusted:
        return calibrated(prior_profile(service.spec.model.path), learned, PRIOR_BOUNDS)
    if reference is None:
        raise PlanningError("the service names no profile: give one with --profile")
    return calibrated(_service_profile(reference, service.metadata.namespace, context), learned)


def _service_profile(
    reference: ProfileRef, namespace: str, context: str | None
) -> PerformanceProfile:
    if reference.name is not None:
        return load_bundled(reference.name)
    place = reference.config_map_ref
    if place is None:
        raise PlanningError("the service names no profile: give one with --profile")
    data = _config_map(place.name, namespace, context)
    if place.key not in data:
        raise PlanningError(f"ConfigMap {place.name!r} has no key {place.key!r}")
    return parse_profile(data[place.key], f"{place.name}/{place.key}")


def _config_map(name: str, namespace: str, context: str | None) -> Mapping[str, str]:
    try:
        cluster = Cluster.connect(context=context)
        found = asyncio.run(cluster.get(CONFIG_MAP, namespace, name))
    except (ConfigException, ClusterError) as error:
        raise PlanningError(str(error)) from None
    if found is None:
        raise PlanningError(f"there is no ConfigMap {name!r} in namespace {namespace!r}")
    return found.get("data") or {}


def _service_limits(service: PDInferenceService) -> Limits:
    """What a service may use; of sizes, those that are to stay, or all while none was chosen."""
    auto = service.spec.parallelism is not Parallelism.MANUAL
    if auto and service.status.parallelism is None:
        return open_limits(service.spec)
    try:
        return Limits.of(service.sized().spec)
    except ValueError as error:
        raise PlanningError(str(error)) from None


def _limits(flags: PlanFlags, base: Limits) -> Limits:
    gigabits = flags.gigabits_per_gpu
    nodes = flags.gpus_per_node
    return replace(
        base,
        gpu_budget=base.gpu_budget if flags.budget is None else flags.budget,
        gpus_per_node=base.gpus_per_node if nodes is None else nodes,
        prefill_sizes=flags.tp_prefill or base.prefill_sizes,
        decode_sizes=flags.tp_decode or base.decode_sizes,
        same_size=flags.same_size or base.same_size,
        transfer_bytes_per_second_per_gpu=base.transfer_bytes_per_second_per_gpu
        if gigabits is None
        else gigabits * BYTES_PER_GIGABIT,
        transfer_bytes_per_second_per_worker=base.transfer_bytes_per_second_per_worker
        if gigabits is None
        else None,
        utilisation_cap=flags.utilisation_percent / 100,
    )


def _own_objective(
    flag: str, own: ApiObjective, milliseconds: float | None, percentile: int | None
) -> Objective:
    """A service's objective, with what is given instead."""
    return _objective(
        flag,
        own.percentile if percentile is None else percentile,
        float(own.milliseconds) if milliseconds is None else milliseconds,
    )


def _objective(flag: str, percentile: int, milliseconds: float) -> Objective:
    try:
        return Objective(percentile, milliseconds * MILLISECONDS)
    except ValueError as error:
        raise PlanningError(f"{flag}: {error}") from None
