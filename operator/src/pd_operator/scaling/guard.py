"""The link that believes queues more than plans."""

import math
from typing import ClassVar

from pd_operator.api.roles import Role
from pd_operator.planning.engine import RouterClass
from pd_operator.planning.limits import UTILIZATION_CAP
from pd_operator.planning.plan import Plan
from pd_operator.scaling.decision import DecisionReason
from pd_operator.scaling.engine_trends import EngineTrend, fresh_load
from pd_operator.scaling.observation import (
    EngineLoad,
    Known,
    PoolObservation,
    Unknown,
    WorkerObservation,
)
from pd_operator.scaling.proposal import PoolLink, Situation, Wanted

FULL_KV_USE = 0.9
"""Above this share a decode worker soon puts requests off for want of room."""

STEP_SHARE = 0.25
"""A guard that fires for decode asks for this share of the ready workers more, at least one."""

LONG_QUEUE_SHARE = 0.25
"""A queue is worth a worker in the place of the one it stands before where it takes this share of a
start-up to compute: that worker costs a start-up too. Anything up to a quarter does as well on the
training loads of the policy lab; on a mix that swaps a half costs one and a half points of share,
the whole two and a half to four.
"""

CROWDED_DEVIATIONS = 2.0
"""Batches vary about as a Poisson number does, by its square root: so much above the plan's is
hardly chance."""

MAXIMUM_GROWTH = 4
"""A guard asks for no more than this multiple of the ready workers: queues tell of seconds."""


class ReactiveGuard(PoolLink):
    """Adds workers at once where queues show that the plan is wrong.

    Prefill: the prompts that wait where a new one would go take longer to compute than the
    objective allows a first token. Then as many workers are wanted as what arrives needs, beside
    those that will still be late when one ordered now serves.

    Decode: the KV cache is nearly full, sequences were retracted for want of room, or requests keep
    waiting for it. An engine keeps room free for those that run (512 tokens each), so that requests
    wait long before its cache is full. Or plainly more sequences run than the plan has workers for:
    answers tell their length when they end, and batches long before.
    """

    name: ClassVar[str] = "Guard"

    def judge(self, role: Role, workers: int, situation: Situation) -> Wanted:
        """Raise to a step above the ready workers; those on their way are not asked for twice."""
        pool = situation.observation.pool(role)
        loads = [load for worker in pool.workers if (load := fresh_load(worker)) is not None]
        if not loads:
            return Wanted(workers, DecisionReason.STEADY, "no worker's queues are known")
        trends = _trends(pool, situation)
        pressed, word, needed = (
            _prefill_pressure(loads, trends, situation)
            if role is Role.PREFILL
            else _decode_pressure(loads, trends, situation)
        )
        if not pressed:
            return Wanted(workers, DecisionReason.STEADY, word)
        more = max(pool.ready + 1, min(needed, pool.ready * MAXIMUM_GROWTH))
        return Wanted(
            max(workers, more),
            DecisionReason.QUEUE_PRESSURE,
            f"{word}, so at least {more} are wanted, {pool.ready} being ready",
        )


def _trends(pool: PoolObservation, situation: Situation) -> list[EngineTrend]:
    known = situation.memory.engines
    return [known[worker.name] for worker in pool.workers if worker.name in known]


def _prefill_pressure(
    loads: list[EngineLoad], trends: list[EngineTrend], situation: Situation
) -> tuple[bool, str, int]:
    """Seconds of work that wait where a new prompt would go, at the speed of late."""
    waiting = sorted(load.waiting_uncached_tokens for load in loads)
    speed = _tokens_per_second(trends)
    if speed is None:
        return False, f"{sum(waiting):,} prompt tokens wait, at a speed not yet measured", 0
    queues = [tokens / speed for tokens in waiting]
    knows = situation.settings.router in (RouterClass.LOAD_AWARE, RouterClass.POWER_OF_TWO)
    # A router that knows who waits goes past a full queue; another sends every worker its share.
    seconds = queues[(len(queues) - 1) // 2] if knows else sum(queues) / len(queues)
    where = "before half of the workers" if knows else "before a worker"
    objective = situation.settings.objectives.ttft.seconds
    word = (
        f"{sum(waiting):,} prompt tokens wait, {seconds:.2f} s of work {where} where the "
        f"objective is {objective:.2f} s"
    )
    late = sum(
        _stays_late(worker, speed, situation) for worker in situation.observation.prefill.workers
    )
    return seconds > objective, word, late + _for_arrivals(speed, trends, situation)


def _stays_late(worker: WorkerObservation, speed: float, situation: Situation) -> bool:
    """Whether this worker's queue will be long yet when a worker ordered now serves.

    It goes on growing or shrinking as it did of late. What waits there stays there, so such a
    worker is none for what arrives.
    """
    load, trend = fresh_load(worker), situation.memory.engines.get(worker.name)
    if load is None or trend is None:
        return False
    startup = situation.settings.pool(Role.PREFILL).startup_seconds
    growth = max(-1.0, trend.offered_tokens_per_second / speed - 1)
    seconds = load.waiting_uncached_tokens / speed
    return seconds + growth * startup > LONG_QUEUE_SHARE * startup


def prefills_for_arrivals(situation: Situation) -> int:
    """Prefill workers for what arrives by the last looks at them; 0 where none was measured yet."""
    trends = _trends(situation.observation.prefill, situation)
    speed = _tokens_per_second(trends)
    return 0 if speed is None else _for_arrivals(speed, trends, situation)


def _tokens_per_second(trends: list[EngineTrend]) -> float | None:
    """Prompt tokens a busy worker computes a second; None where none was measured yet."""
    measured = [trend.prefill for trend in trends if trend.prefill is not None]
    busy_seconds = sum(work.busy_seconds for work in measured)
    return sum(work.tokens for work in measured) / busy_seconds if measured else None


def _for_arrivals(speed: float, trends: list[EngineTrend], situation: Situation) -> int:
    """Workers for what arrives, work done and growth of the queues, at the speed of late.

    A prompt that waits in a worker's queue stays there: workers that come take new ones only, and
    what waits is no work for them.
    """
    demand = situation.observation.demand
    measured = demand.value.prompt_tokens_per_second if isinstance(demand, Known) else 0.0
    arriving = max(measured, sum(trend.offered_tokens_per_second for trend in trends))
    return math.ceil(arriving / (UTILIZATION_CAP * speed))


def _decode_pressure(
    loads: list[EngineLoad], trends: list[EngineTrend], situation: Situation
) -> tuple[bool, str, int]:
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
    ready = len(loads)
    plan = situation.plan_now
    planned = 0 if isinstance(plan, Unknown) else plan.decode.workers
    if use >= FULL_KV_USE or retracted > 0 or put_off >= ready:
        step = ready + max(1, math.ceil(ready * STEP_SHARE))
        return True, word, max(step, planned, decodes_for_what_runs(situation))
    running = sum(load.running_requests for load in loads)
    room = ready * _largest_batch(plan)
    if room and running > room + CROWDED_DEVIATIONS * math.sqrt(room):
        crowd = f"{running} sequences run where {ready} workers should hold {room:.0f}"
        return True, crowd, max(planned, decodes_for_what_runs(situation))
    return False, word, 0


def decodes_for_what_runs(situation: Situation) -> int:
    """Decode workers that the sequences of now fill, as the plan would fill them; 0: unknown."""
    workers = situation.observation.decode.workers
    loads = [load for worker in workers if (load := fresh_load(worker)) is not None]
    running = sum(load.running_requests for load in loads)
    largest = _largest_batch(situation.plan_now)
    return math.ceil(running / largest) if largest else 0


def _largest_batch(plan: Plan | Unknown) -> float:
    """Mean sequences that a decode worker should hold; 0 where nobody says."""
    return 0.0 if isinstance(plan, Unknown) else plan.decode.largest_batch or 0.0
