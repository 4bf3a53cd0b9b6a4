"""Other ways to size the pools."""

import math
from dataclasses import replace

import numpy as np
import pytest

from pd_operator.api.autoscaling import PlanningMethod
from pd_operator.performance import load_bundled
from pd_operator.planning.engine import EngineModel
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.simulation import Pools, PoolSnapshot, Requests, Snapshot, WorkerSnapshot
from pd_operator.simulation.policies.dynamo_planner import DynamoLoad, DynamoPredictive, Kalman
from pd_operator.simulation.policies.horizontal_pod_autoscaler import (
    HorizontalPodAutoscaler,
    HpaBehavior,
    Metric,
    in_flight,
)
from pd_operator.simulation.policies.ratio_band import RatioBand
from pd_operator.simulation.policies.timetable import Timetable
from pd_operator.simulation.policies.token_rates import HeteroScale, TokenScale
from pd_operator.simulation.policies.windowed_plan import WindowedPlan
from pd_operator.simulation.policies.worker_capacity import WorkerCapacity

FEWEST, MOST = Pools(1, 1), Pools(10, 10)
NOTHING = Requests.of([], [], [])
NONE = np.empty(0, dtype=np.float32)


def pool(in_flight: int, serving: int, starting: int = 0) -> PoolSnapshot:
    """`in_flight` requests over the serving workers, the first having all that are left over."""
    each, left = divmod(in_flight, serving)
    workers = tuple(
        WorkerSnapshot(number, each + (number < left), 0, 0, 0, 0, 0, 1, 0, 0.0)
        for number in range(serving)
    )
    return PoolSnapshot(workers, draining=0, starting=starting, busy_seconds=0.0)


def snapshot(at: float, prefill: PoolSnapshot, decode: PoolSnapshot) -> Snapshot:
    return Snapshot(at, NOTHING, NOTHING, NONE, NONE, prefill, decode)


def hpa(**behavior: float) -> HorizontalPodAutoscaler:
    return HorizontalPodAutoscaler(
        Metric(in_flight, 2.0),
        Metric(in_flight, 20.0),
        FEWEST,
        MOST,
        HpaBehavior(**behavior),  # type: ignore[arg-type]
    )


def test_a_timetable_is_followed_and_its_last_entry_holds() -> None:
    table = Timetable(10.0, [Pools(1, 1), Pools(2, 3)])
    idle = pool(0, 1)
    wanted = [table.decide(snapshot(at, idle, idle)) for at in (0.0, 9.0, 10.0, 500.0)]
    assert wanted == [Pools(1, 1), Pools(1, 1), Pools(2, 3), Pools(2, 3)]


def test_a_timetable_without_entries_is_refused() -> None:
    with pytest.raises(ValueError, match="an entry"):
        Timetable(10.0, [])


def test_the_autoscaler_asks_for_as_many_workers_as_the_target_needs() -> None:
    assert hpa().decide(snapshot(15.0, pool(6, 2), pool(70, 2))) == Pools(3, 4)


def test_the_autoscaler_leaves_a_pool_within_its_tolerance_alone() -> None:
    assert hpa().decide(snapshot(15.0, pool(21, 10), pool(91, 5))) == Pools(10, 5)


def test_the_autoscaler_removes_workers_only_after_its_window() -> None:
    policy = hpa(down_window_seconds=60.0)
    policy.decide(snapshot(0.0, pool(8, 4), pool(80, 4)))
    for at in (15.0, 30.0, 45.0):
        assert policy.decide(snapshot(at, pool(2, 4), pool(20, 4))) == Pools(4, 4)
    assert policy.decide(snapshot(61.0, pool(2, 4), pool(20, 4))) == Pools(1, 1)


def test_the_autoscaler_grows_no_faster_than_kubernetes_lets_it() -> None:
    assert hpa().decide(snapshot(15.0, pool(200, 2), pool(2000, 5))) == Pools(6, 10)


def test_the_autoscaler_does_not_ask_again_for_what_is_starting() -> None:
    assert hpa().decide(snapshot(15.0, pool(12, 3, starting=3), pool(20, 1))) == Pools(6, 1)


def test_the_autoscaler_averages_the_scrapes_of_its_window() -> None:
    policy = hpa(metric_window_seconds=60.0)
    policy.decide(snapshot(15.0, pool(4, 2), pool(20, 1)))
    assert policy.decide(snapshot(30.0, pool(10, 2), pool(20, 1))).prefill == 4


WORKER = load_bundled("llama-3.1-8b-h200").surfaces(1)
CAPACITY = WorkerCapacity(
    EngineModel(WORKER, WORKER, 25e9), Objectives(Objective(90, 0.5), Objective(90, 0.012))
)


def came(at: float, requests: int, *, prompt: int = 3000, output: int = 300) -> Snapshot:
    """`requests` came and as many were answered; two workers idle in each pool."""
    load = Requests.of(np.full(requests, at), prompt, output)
    times = np.full(requests, 0.01, dtype=np.float32)
    return Snapshot(at, load, load, times, times, pool(0, 2), pool(0, 2))


class Always:
    """Wants the same at all times."""

    period_seconds = 15.0

    def __init__(self, pools: Pools) -> None:
        self._pools = pools

    def decide(self, snapshot: Snapshot) -> Pools:
        return self._pools


@pytest.mark.parametrize(
    ("wanted", "repaired"),
    [
        (Pools(4, 4), Pools(4, 4)),
        (Pools(1, 8), Pools(4, 8)),  # too few prefills: raised
        (Pools(9, 1), Pools(9, 5)),  # too few decodes: raised
    ],
)
def test_a_ratio_band_raises_the_pool_that_has_too_few(wanted: Pools, repaired: Pools) -> None:
    band = RatioBand(Always(wanted), 0.5, 2.0, MOST)
    assert band.decide(came(15.0, 1)) == repaired


def test_a_ratio_band_cuts_the_other_pool_where_the_first_is_at_its_most() -> None:
    band = RatioBand(Always(Pools(1, 8)), 0.5, 2.0, Pools(2, 10))
    assert band.decide(came(15.0, 1)) == Pools(2, 4)


def test_dynamo_plans_the_last_rate_over_that_of_one_worker_and_no_head_room() -> None:
    planner = DynamoPredictive(CAPACITY, MOST, interval_seconds=60.0)
    each = CAPACITY.prefill_requests_per_second(3000.0)
    requests = round(60 * 3.5 * each)
    assert planner.decide(came(60.0, requests)).prefill == 4


def test_dynamo_holds_the_pools_while_nothing_was_measured() -> None:
    planner = DynamoPredictive(CAPACITY, MOST, interval_seconds=60.0)
    assert planner.decide(came(60.0, 0)) == Pools(2, 2)


def test_dynamos_kalman_filter_follows_a_ramp_further_than_its_last_value() -> None:
    kalman = Kalman()
    foretold = [kalman.next_after(10.0 * step) for step in range(40)]
    assert foretold[2] == 20.0  # warming up: the last value
    assert foretold[-1] == pytest.approx(400.0, rel=0.02)


def test_dynamos_load_scaling_moves_by_one_and_waits_for_what_is_under_way() -> None:
    idle = came(5.0, 10)
    assert DynamoLoad(CAPACITY, MOST).decide(idle) == Pools(1, 1)
    busy = replace(idle, prefill=replace(idle.prefill, starting=1))
    assert DynamoLoad(CAPACITY, MOST).decide(busy) == Pools(3, 2)


def test_dynamos_load_scaling_never_goes_below_what_prediction_wants() -> None:
    floor = DynamoPredictive(CAPACITY, MOST, interval_seconds=5.0)
    requests = round(5 * 2.5 * CAPACITY.prefill_requests_per_second(3000.0))
    assert DynamoLoad(CAPACITY, MOST, floor).decide(came(5.0, requests)).prefill == 3


def test_token_scale_follows_the_window_up_and_down_at_once() -> None:
    policy = TokenScale(CAPACITY, MOST, window_seconds=5.0)
    busy = math.ceil(5 * 2.5 / CAPACITY.prompt_seconds(3000.0))
    assert policy.decide(came(5.0, busy)).prefill == 3
    assert policy.decide(came(10.0, busy // 5)).prefill == 1


def test_hetero_scale_moves_both_pools_in_its_ratio() -> None:
    policy = HeteroScale(CAPACITY, MOST, 3000.0, 300.0)
    answers = CAPACITY.decode_requests_per_second(3000.0, 300.0)
    tokens = round(15 * 0.7 * 2.5 * answers * 300)
    idle = came(15.0, 1)
    worker = replace(idle.decode.workers[0], tokens_done=tokens)
    decode = replace(idle.decode, workers=(worker, idle.decode.workers[1]))
    wanted = policy.decide(replace(idle, decode=decode))
    assert wanted.decode == 3
    assert wanted.prefill == math.ceil(3 * CAPACITY.workers_per_decode(3000.0, 300.0))


def test_a_windowed_plan_sizes_for_the_interval_that_is_over() -> None:
    plan = WindowedPlan(PlanningMethod.SLO_AWARE, CAPACITY.engine, CAPACITY.objectives, MOST)
    few, many = plan.decide(came(60.0, 300)), plan.decide(came(120.0, 2400))
    assert few.prefill < many.prefill
    assert plan.decide(came(180.0, 0)) == Pools(2, 2)
