"""Puts the request together from flags, a trace, or a service that is there."""

from dataclasses import replace

from pd_operator.api.objectives import Objective as ApiObjective
from pd_operator.api.parallelism import Parallelism
from pd_operator.api.router import PrefillPolicy
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.cli.resources import read_service
from pd_operator.cli.sizing.flags import LoadFlags, PlanFlags
from pd_operator.cli.sizing.loads import given_load, service_load
from pd_operator.cli.sizing.profiles import engines_as_they_are, read_profile
from pd_operator.cli.sizing.request import MILLISECONDS, Method, PlanRequest
from pd_operator.planning.limits import BYTES_PER_GIGABIT, Limits
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.planning.parallelism import open_limits
from pd_operator.planning.plan import PlanningError

_PERCENTILE = 90


def from_flags(load: LoadFlags, flags: PlanFlags) -> PlanRequest:
    """A request without a service; `PlanningError` for what is missing or makes no sense."""
    if load.prometheus is not None:
        raise PlanningError("--prometheus reads the load of a service that is there: name one")
    if flags.profile is None:
        raise PlanningError("name a service, or a --profile (`kubectl pd plan --profiles`)")
    if flags.ttft_ms is None or flags.tpot_ms is None:
        raise PlanningError("give both objectives, --ttft and --tpot, in milliseconds")
    percentile = _PERCENTILE if flags.percentile is None else flags.percentile
    return PlanRequest(
        load=given_load(load),
        objectives=Objectives(
            _objective("--ttft", percentile, flags.ttft_ms),
            _objective("--tpot", percentile, flags.tpot_ms),
        ),
        profile=read_profile(flags.profile),
        limits=_limits(flags, Limits(same_size=True)),
        policy=flags.router or PrefillPolicy.POWER_OF_TWO,
        method=flags.method or Method.QUEUEING,
    )


def from_service(
    name: str, namespace: str | None, context: str | None, load: LoadFlags, flags: PlanFlags
) -> PlanRequest:
    """A request about a service that is there; `typer.Exit` where it cannot be read."""
    return about(read_service(name, namespace, context), context, load, flags)


def about(
    service: PDInferenceService, context: str | None, load: LoadFlags, flags: PlanFlags
) -> PlanRequest:
    """A request about a service as it is, flags before what its spec and status say."""
    spec = service.spec
    return PlanRequest(
        load=service_load(service, context, load),
        objectives=Objectives(
            _own_objective("--ttft", spec.objectives.ttft, flags.ttft_ms, flags.percentile),
            _own_objective("--tpot", spec.objectives.tpot, flags.tpot_ms, flags.percentile),
        ),
        profile=read_profile(flags.profile)
        if flags.profile
        else engines_as_they_are(service, context),
        limits=_limits(flags, _service_limits(service)),
        policy=flags.router or spec.router.prefill_policy,
        method=flags.method or Method(spec.autoscaling.method.value),
        reference=None if flags.profile else spec.engine.profile,
        mode=spec.autoscaling.mode,
        prometheus_url=spec.metrics.prometheus_url,
    )


def _service_limits(service: PDInferenceService) -> Limits:
    """What a service may use; of sizes, those that are to stay, or all while none was chosen."""
    auto = service.spec.parallelism is not Parallelism.MANUAL
    if auto and service.status.parallelism is None:
        return open_limits(service.spec)
    try:
        return Limits.of(service.with_tensor_parallel().spec)
    except ValueError as error:
        raise PlanningError(str(error)) from None


def _limits(flags: PlanFlags, base: Limits) -> Limits:
    gigabits = flags.gigabits_per_gpu
    nodes = flags.gpus_per_node
    return replace(
        base,
        gpu_budget=base.gpu_budget if flags.budget is None else flags.budget,
        gpus_per_node=base.gpus_per_node if nodes is None else nodes,
        prefill_tensor_parallel=flags.tp_prefill or base.prefill_tensor_parallel,
        decode_tensor_parallel=flags.tp_decode or base.decode_tensor_parallel,
        same_size=_same_size(flags, base),
        transfer_bytes_per_second_per_gpu=base.transfer_bytes_per_second_per_gpu
        if gigabits is None
        else gigabits * BYTES_PER_GIGABIT,
        transfer_bytes_per_second_per_worker=base.transfer_bytes_per_second_per_worker
        if gigabits is None
        else None,
        utilization_cap=flags.utilization_percent / 100,
    )


def _same_size(flags: PlanFlags, base: Limits) -> bool:
    """Whether both pools are to have workers of one size; sizes given for both say it, too."""
    if flags.same_size is not None:
        return flags.same_size
    return base.same_size and not (flags.tp_prefill and flags.tp_decode)


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
