"""The link that believes queues more than plans."""

import math
from typing import ClassVar

from pd_operator.api.roles import Role
from pd_operator.scaling.decision import DecisionReason
from pd_operator.scaling.engine_trends import EngineTrend, fresh_load
from pd_operator.scaling.observation import EngineLoad, PoolObservation
from pd_operator.scaling.proposal import PoolLink, Situation, Wanted

FULL_KV_USE = 0.9
"""Above this share a decode worker soon puts requests off for want of room."""

STEP_SHARE = 0.25
"""A guard that fires asks for this share of the ready workers more, at least one."""


class ReactiveGuard(PoolLink):
    """Adds workers at once where queues show that the plan is wrong.

    Prefill: the prompts that wait take longer to compute than the objective allows a first token.
    Decode: the KV cache is nearly full, sequences were retracted for want of room, or requests keep
    waiting for it. An engine keeps room free for those that run (512 tokens each), so that requests
    wait long before its cache is full.
    """

    name: ClassVar[str] = "Guard"

    def judge(self, role: Role, workers: int, situation: Situation) -> Wanted:
        """Raise to a step above the ready workers; those on their way are not asked for twice."""
        pool = situation.observation.pool(role)
        loads = [load for worker in pool.workers if (load := fresh_load(worker)) is not None]
        if not loads:
            return Wanted(workers, DecisionReason.STEADY, "no worker's queues are known")
        trends = _trends(pool, situation)
        pressed, word = (
            _prefill_pressure(loads, trends, situation.settings.objectives.ttft.seconds)
            if role is Role.PREFILL
            else _decode_pressure(loads, trends)
        )
        if not pressed:
            return Wanted(workers, DecisionReason.STEADY, word)
        more = pool.ready + max(1, math.ceil(pool.ready * STEP_SHARE))
        return Wanted(
            max(workers, more),
            DecisionReason.QUEUE_PRESSURE,
            f"{word}, so at least {more} are wanted, {pool.ready} being ready",
        )


def _trends(pool: PoolObservation, situation: Situation) -> list[EngineTrend]:
    known = situation.memory.engines
    return [known[worker.name] for worker in pool.workers if worker.name in known]


def _prefill_pressure(
    loads: list[EngineLoad], trends: list[EngineTrend], objective_seconds: float
) -> tuple[bool, str]:
    """Seconds of work that wait, at the speed of all that the workers computed of late."""
    waiting = sum(load.waiting_uncached_tokens for load in loads)
    measured = [trend.prefill for trend in trends if trend.prefill is not None]
    if not measured:
        return False, f"{waiting:,} prompt tokens wait, at a speed not yet measured"
    speed = sum(work.tokens for work in measured) / sum(work.busy_seconds for work in measured)
    seconds = waiting / (speed * len(loads))
    word = (
        f"{waiting:,} prompt tokens wait, {seconds:.2f} s of work where the objective is "
        f"{objective_seconds:.2f} s"
    )
    return seconds > objective_seconds, word


def _decode_pressure(loads: list[EngineLoad], trends: list[EngineTrend]) -> tuple[bool, str]:
    """Use of the KV cache, sequences that had to give theirs back, and requests put off.

    A request passes through the queue for room within moments, so that a pool is pressed only
    where as many as it has workers were found there twice.
    """
    use = sum(load.kv_use for load in loads) / len(loads)
    retracted = sum(load.decode_retracted_queue for load in loads)
    put_off = sum(trend.put_off for trend in trends)
    word = (
        f"{use:.0%} of the KV cache is in use, {retracted} sequences were retracted and {put_off} "
        "requests keep waiting for room"
    )
    return use >= FULL_KV_USE or retracted > 0 or put_off >= len(loads), word
