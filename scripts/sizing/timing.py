"""How long plans take on this machine."""

import statistics
import time
from collections.abc import Callable

from scripts.sizing.cases import BYTES_PER_SECOND_PER_GPU, Case

from pd_operator.planning.engine import EngineModel, RouterClass
from pd_operator.planning.limits import PoolBounds
from pd_operator.planning.load import steady_load
from pd_operator.planning.planner import plan_service

_REPEATS = 15


def plan_milliseconds(cases: tuple[Case, ...]) -> float:
    """A full plan, over all sizes of worker: the slowest case's median."""
    return max(_median(case.plan_now) for case in cases)


def tick_plan_milliseconds(cases: tuple[Case, ...]) -> float:
    """What the operator plans in a tick, the workers' sizes given: the slowest case's median."""
    return max(_median(_tick(case)) for case in cases)


def _tick(case: Case) -> Callable[[], object]:
    service = case.service()
    engine = EngineModel(
        service.prefill,
        service.decode,
        BYTES_PER_SECOND_PER_GPU * service.prefill.gpus,
        BYTES_PER_SECOND_PER_GPU * service.decode.gpus,
    )
    router, objectives = RouterClass.of(case.router), case.model.objectives
    bounds = PoolBounds.up_to(1000, 1000)

    def once() -> object:
        # Anew, so that nothing is remembered of the last tick's load.
        load = steady_load(case.requests_per_second, 1155.0, 211.0)
        return plan_service(load.prefill, load.decode, engine, objectives, bounds, router)

    return once


def _median(work: Callable[[], object]) -> float:
    """Median milliseconds of CPU: on a busy machine the wall clock tells of the others."""
    spent = []
    for _ in range(_REPEATS):
        begun = time.process_time()
        work()
        spent.append(1e3 * (time.process_time() - begun))
    return statistics.median(spent)
