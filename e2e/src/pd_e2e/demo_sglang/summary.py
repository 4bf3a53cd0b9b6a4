"""The figures of a run over the real engine, and what each must be."""

from collections.abc import Mapping, Sequence

import numpy as np

from pd_e2e.demo.summary import percentiles
from pd_e2e.demo.timeline import Timeline
from pd_e2e.demo_sglang.worker_log import Flip, WorkerLog
from pd_e2e.loadgen.live import Objectives
from pd_e2e.loadgen.records import RequestTable
from pd_operator.api.roles import Role

LEAST: Mapping[str, float] = {
    "requests_offered": 1,
    "scale_ups": 1,
    "scale_downs_drained": 1,
    "flips_to_decode": 1,
    "flips_to_prefill": 1,
    "flips_back": 1,
}
"""What the demo shows at least; of the flips, one of a worker that takes its own role again."""

MOST: Mapping[str, float] = {"requests_failed": 0, "scale_downs_cut": 0}


def summarize(
    requests: RequestTable,
    objectives: Objectives,
    timeline: Timeline,
    log: WorkerLog,
    megabytes: Sequence[float],
) -> dict[str, float | int | None]:
    """All figures by name. Shares and counts are over all requests: a failed one missed both."""
    ttft = requests.ok & (requests.ttft_seconds <= objectives.ttft_seconds)
    tpot = requests.ok & ~(requests.tpot_seconds > objectives.tpot_seconds)
    ttft_p50, ttft_p90, _ = percentiles(requests.ttft_seconds)
    tpot_p50, tpot_p90, _ = percentiles(requests.tpot_seconds)
    workers = log.workers.values()
    starts = [w.startup_seconds for w in workers if w.startup_seconds is not None]
    to_decode, to_prefill = (_flips(log.flips, role) for role in (Role.DECODE, Role.PREFILL))
    figures = {
        "requests_offered": len(requests),
        "requests_failed": int((~requests.ok).sum()),
        "ttft_attainment": float(ttft.mean()) if len(requests) else None,
        "tpot_attainment": float(tpot.mean()) if len(requests) else None,
        "ttft_seconds_p50": ttft_p50,
        "ttft_seconds_p90": ttft_p90,
        "tpot_seconds_p50": tpot_p50,
        "tpot_seconds_p90": tpot_p90,
        "prefill_max": max(sample.prefill.ready for sample in timeline),
        "decode_max": max(sample.decode.ready for sample in timeline),
        "scale_ups": len(log.workers) - _at_first(timeline),
        "scale_downs_drained": sum(worker.drained for worker in workers),
        "scale_downs_cut": sum(worker.cut for worker in workers),
        "flips_to_decode": len(to_decode),
        "flips_to_prefill": len(to_prefill),
        "flips_back": sum(flip.role is log.workers[flip.worker].home for flip in log.flips),
        "flip_seconds_max": max((*to_decode, *to_prefill), default=None),
        "startup_seconds_mean": float(np.mean(starts)) if starts else None,
        "startup_seconds_max": max(starts, default=None),
        "worker_megabytes_mean": float(np.mean(megabytes)) if megabytes else None,
        "worker_megabytes_max": max(megabytes, default=None),
    }
    return {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in figures.items()
    }


def missed(figures: Mapping[str, float | int | None]) -> list[str]:
    """What the run did not show, each as a sentence."""
    few = [
        f"{name} is {figures[name]}, at least {least:g} was to be shown"
        for name, least in LEAST.items()
        if (figures[name] or 0) < least
    ]
    many = [
        f"{name} is {figures[name]}, at most {most:g} was allowed"
        for name, most in MOST.items()
        if (figures[name] or 0) > most
    ]
    return few + many


def _flips(flips: Sequence[Flip], role: Role) -> list[float]:
    return [flip.seconds for flip in flips if flip.role is role]


def _at_first(timeline: Timeline) -> int:
    return timeline[0].prefill.current + timeline[0].decode.current
