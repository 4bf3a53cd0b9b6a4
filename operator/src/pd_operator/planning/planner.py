"""From a load and objectives to the workers of both pools."""

from pd_operator.api.autoscaling import PlanningMethod
from pd_operator.demand import Demand
from pd_operator.planning.decode import DecodeLoad
from pd_operator.planning.engine import EngineModel, RouterClass
from pd_operator.planning.limits import UTILIZATION_CAP, PoolBounds, WorkerRange
from pd_operator.planning.methods import plan_by
from pd_operator.planning.objectives import Objectives
from pd_operator.planning.plan import Limit, Plan, PoolPlan
from pd_operator.planning.prefill import PrefillLoad


def plan_service(
    prefill_demand: Demand,
    decode_demand: Demand,
    engine: EngineModel,
    objectives: Objectives,
    bounds: PoolBounds,
    router: RouterClass,
    method: PlanningMethod = PlanningMethod.QUEUEING,
) -> Plan:
    """The fewest workers of each role for its own demand.

    The pools get demands of their own since a forecast looks as far ahead as each pool's start-up
    takes. They are sized independently but for the hand-over into the running decode batch.
    """
    prefill, decode = pool_loads(prefill_demand, decode_demand, engine, objectives, router)
    return size_pools(method, prefill, decode, bounds)


def size_pools(
    method: PlanningMethod,
    prefill: PrefillLoad,
    decode: DecodeLoad,
    bounds: PoolBounds,
) -> Plan:
    """Workers of both pools by a method, within their bounds."""
    if method is not PlanningMethod.QUEUEING:
        return plan_by(method, prefill, decode, bounds)
    return Plan(size_pool(prefill, bounds.prefill), size_pool(decode, bounds.decode))


def size_pool(load: PrefillLoad | DecodeLoad, allowed: WorkerRange) -> PoolPlan:
    """The fewest workers that meet the objective and the role's other limits, within `allowed`."""
    limit, needed = load.needed(allowed.maximum)
    workers = allowed.clip(needed)
    return load.pool_plan(
        workers,
        _limit_in_force(limit, needed, allowed.minimum),
        load.reason(limit, needed, workers),
        feasible=load.in_reach and needed <= allowed.maximum,
    )


def _limit_in_force(limit: Limit, needed: int, minimum: int) -> Limit:
    if needed == 1 and minimum == 1:
        return Limit.ONE_WORKER
    return limit if needed >= minimum else Limit.MINIMUM


def pool_loads(
    prefill_demand: Demand,
    decode_demand: Demand,
    engine: EngineModel,
    objectives: Objectives,
    router: RouterClass,
    utilization_cap: float = UTILIZATION_CAP,
) -> tuple[PrefillLoad, DecodeLoad]:
    """What each pool has to carry, with what it needs to know of the other."""
    decode = DecodeLoad(
        decode_demand,
        engine.decode,
        objectives.tpot,
        engine.receive_bytes_per_second,
        in_prefill_seconds=_in_prefill_seconds(decode_demand, engine, objectives),
    )
    prefill = PrefillLoad(
        prefill_demand,
        engine.prefill,
        objectives.ttft,
        router,
        engine.transfer_bytes_per_second,
        hand_over_seconds=_hand_over_seconds(decode),
        utilization_cap=utilization_cap,
    )
    return prefill, decode


def _in_prefill_seconds(demand: Demand, engine: EngineModel, objectives: Objectives) -> float:
    """About the mean time that a prompt waits, is computed and is moved.

    Waiting is taken to be as long as the rest: what it is depends on the number of workers, and
    more load must not ask for fewer decode workers because a prefill worker was added.
    """
    lengths = demand.prompt_tokens
    computed = float(lengths.probabilities @ engine.prefill.prefill_seconds_each(lengths.values))
    moved = lengths.mean * engine.prefill.kv_bytes_per_token / engine.transfer_bytes_per_second
    return min(2 * (computed + moved), objectives.ttft.seconds)


def _hand_over_seconds(decode: DecodeLoad) -> float:
    """Half a step until the running one ends, and the first step of the sequence itself.

    The step is that of one worker with all the load, or of the largest batch allowed: the batch of
    the planned number of workers would fall where a worker is added, so that more load could ask
    for fewer prefill workers.
    """
    return 1.5 * decode.step_seconds(max(1.0, decode.mean_batch(1)))
