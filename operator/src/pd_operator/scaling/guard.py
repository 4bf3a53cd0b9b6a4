"""The link that believes queues more than plans."""

import math
from typing import ClassVar

from pd_operator.api.roles import Role
from pd_operator.scaling.decision import DecisionReason
from pd_operator.scaling.observation import EngineLoad, Known, PoolObservation
from pd_operator.scaling.proposal import PoolLink, Situation, Wanted

FULL_KV_USE = 0.9
"""Above this share a decode worker soon puts requests off for want of room."""

STEP_SHARE = 0.25
"""A guard that fires asks for this share of the ready workers more, at least one."""


class ReactiveGuard(PoolLink):
    """Adds workers at once where queues show that the plan is wrong.

    Prefill: the prompts that wait take longer to compute than the objective allows a first token.
    Decode: the KV cache is nearly full, or sequences were put back for want of room.
    """

    name: ClassVar[str] = "Guard"

    def judge(self, role: Role, workers: int, situation: Situation) -> Wanted:
        """Raise to a step above the ready workers; those on their way are not asked for twice."""
        pool = situation.observation.pool(role)
        loads = _known_loads(pool)
        if not loads:
            return Wanted(workers, DecisionReason.STEADY, "no worker's queues are known")
        pressed, word = (
            _prefill_pressure(loads, situation.settings.objectives.ttft.seconds)
            if role is Role.PREFILL
            else _decode_pressure(loads)
        )
        if not pressed:
            return Wanted(workers, DecisionReason.STEADY, word)
        more = pool.ready + max(1, math.ceil(pool.ready * STEP_SHARE))
        return Wanted(
            max(workers, more),
            DecisionReason.QUEUE_PRESSURE,
            f"{word}, so at least {more} are wanted, {pool.ready} being ready",
        )


def _known_loads(pool: PoolObservation) -> list[EngineLoad]:
    return [
        worker.load.value
        for worker in pool.workers
        if worker.serving and isinstance(worker.load, Known)
    ]


def _prefill_pressure(loads: list[EngineLoad], objective_seconds: float) -> tuple[bool, str]:
    """Seconds of work that wait, at the speed the workers have had."""
    waiting = sum(load.waiting_uncached_tokens for load in loads)
    speeds = [speed for load in loads if (speed := load.prefill_tokens_per_busy_second) is not None]
    if not speeds:
        return False, f"{waiting:,} prompt tokens wait, at a speed not yet measured"
    seconds = waiting / (sum(speeds) / len(speeds) * len(loads))
    word = (
        f"{waiting:,} prompt tokens wait, {seconds:.2f} s of work where the objective is "
        f"{objective_seconds:.2f} s"
    )
    return seconds > objective_seconds, word


def _decode_pressure(loads: list[EngineLoad]) -> tuple[bool, str]:
    """Use of the KV cache, and sequences that had to give theirs back."""
    use = sum(load.kv_use for load in loads) / len(loads)
    retracted = sum(load.decode_retracted_queue for load in loads)
    word = f"{use:.0%} of the KV cache is in use and {retracted} sequences were put back"
    return use >= FULL_KV_USE or retracted > 0, word
