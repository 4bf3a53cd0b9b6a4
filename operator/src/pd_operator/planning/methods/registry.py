"""From a load to pools by one of the methods, with our own prediction of what comes of it."""

import math
from collections.abc import Callable

from pd_operator.api.autoscaling import PlanningMethod
from pd_operator.planning.decode import DecodeLoad
from pd_operator.planning.limits import PoolBounds
from pd_operator.planning.methods import dopd, slo_aware
from pd_operator.planning.plan import Counts, Limit, Plan
from pd_operator.planning.prefill import PrefillLoad

Method = Callable[[PrefillLoad, DecodeLoad], Counts]


def plan_by(
    method: PlanningMethod,
    prefill: PrefillLoad,
    decode: DecodeLoad,
    bounds: PoolBounds,
) -> Plan:
    """The pools that a paper's method asks for, within their bounds.

    Latency and utilization are those that our model predicts for them.
    """
    if not (prefill.in_reach and decode.in_reach):
        counts = Counts(1, 1, 1.0, 1.0, "An objective is out of reach for any number of workers.")
        return plan_of(counts, prefill, decode, bounds)
    try:
        counts = _METHODS[method](prefill, decode)
    except ValueError as error:
        counts = Counts(1, 1, 1.0, 1.0, f"{method.value}: {error}.")
        return plan_of(counts, prefill, decode, bounds, feasible=False)
    return plan_of(counts, prefill, decode, bounds)


def _dopd_as_published(prefill: PrefillLoad, decode: DecodeLoad) -> Counts:
    lengths = _lengths(prefill, decode)
    concurrency = dopd.published_concurrency(lengths)
    return dopd.as_published(
        max(prefill.demand.requests_per_second, decode.demand.requests_per_second),
        lengths,
        prefill.worker.prefill_seconds(lengths.prompt),
        decode.worker.decode_step_seconds(concurrency, lengths.context),
    )


def _dopd(prefill: PrefillLoad, decode: DecodeLoad) -> Counts:
    _, batch = decode.tightest
    return dopd.corrected(
        max(prefill.demand.requests_per_second, decode.demand.requests_per_second),
        _lengths(prefill, decode),
        prefill.service.mean,
        (prefill.objective.seconds - _overhead(prefill)) / _room(prefill),
        batch,
        decode.step_seconds(batch),
    )


def _slo_aware_as_published(prefill: PrefillLoad, decode: DecodeLoad) -> Counts:
    lengths = _lengths(prefill, decode)
    batch = decode.steps.largest_within(decode.objective.seconds)
    taken = slo_aware.prefill_throughput(
        lengths.prompt / prefill.worker.prefill_seconds(lengths.prompt),
        lengths.prompt,
        prefill.objective.seconds,
        _overhead(prefill),
    )
    made = decode.steps.tokens_per_second(batch)
    return slo_aware.as_published(_workload(prefill, decode), taken, made)


def _slo_aware(prefill: PrefillLoad, decode: DecodeLoad) -> Counts:
    prompt = prefill.demand.prompt_tokens.mean
    taken = slo_aware.prefill_throughput(
        prompt / prefill.service.mean,
        prompt,
        prefill.objective.seconds,
        _overhead(prefill),
        _room(prefill),
    )
    made = decode.steps.tokens_per_second(decode.tightest[1])
    return slo_aware.corrected(_workload(prefill, decode), taken, made)


_METHODS: dict[PlanningMethod, Method] = {
    PlanningMethod.DOPD: _dopd,
    PlanningMethod.DOPD_AS_PUBLISHED: _dopd_as_published,
    PlanningMethod.SLO_AWARE: _slo_aware,
    PlanningMethod.SLO_AWARE_AS_PUBLISHED: _slo_aware_as_published,
}


def _lengths(prefill: PrefillLoad, decode: DecodeLoad) -> dopd.Lengths:
    return dopd.Lengths(
        max(1.0, prefill.demand.prompt_tokens.mean), max(1.0, decode.demand.output_tokens.mean)
    )


def _workload(prefill: PrefillLoad, decode: DecodeLoad) -> slo_aware.Workload:
    lengths = _lengths(prefill, decode)
    rate = max(prefill.demand.requests_per_second, decode.demand.requests_per_second)
    return slo_aware.Workload(
        rate * (lengths.prompt + lengths.output), lengths.prompt, lengths.output
    )


def _overhead(prefill: PrefillLoad) -> float:
    """Seconds of TTFT that are neither waiting nor prefill: transfer and hand-over."""
    without = prefill.without_waiting
    return without.mean - prefill.service.mean


def _room(prefill: PrefillLoad) -> float:
    """Means that an exponential sojourn's percentile is long."""
    return math.log(1 / (1 - prefill.objective.share))


def plan_of(
    counts: Counts,
    prefill: PrefillLoad,
    decode: DecodeLoad,
    bounds: PoolBounds,
    *,
    feasible: bool = True,
) -> Plan:
    """The pools of given counts, with utilization and latency as our model predicts them."""
    p = bounds.prefill.clip(counts.prefill)
    d = bounds.decode.clip(counts.decode)
    return Plan(
        prefill.pool_plan(
            p,
            Limit.METHOD,
            counts.sentence,
            feasible=feasible and prefill.in_reach and counts.prefill <= bounds.prefill.maximum,
        ),
        decode.pool_plan(
            d,
            Limit.METHOD,
            counts.sentence,
            feasible=feasible and decode.in_reach and counts.decode <= bounds.decode.maximum,
        ),
    )
