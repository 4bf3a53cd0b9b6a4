"""Pools that change while requests come."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from pd_operator.api.roles import Role
from pd_operator.scaling.loans import LONGEST_DRAIN_SECONDS
from pd_operator.simulation import (
    Failure,
    Lifecycle,
    Pools,
    Requests,
    ServiceModel,
    Snapshot,
    simulate,
)

CALM = Lifecycle(prefill_startup_seconds=20.0, decode_startup_seconds=30.0, role_switch_seconds=3.0)


@dataclass
class Script:
    """Wants what is written for the moment, and keeps what it is told."""

    wanted: Mapping[float, Pools]
    period_seconds: float = 1.0
    told: list[Snapshot] = field(default_factory=list)

    def decide(self, snapshot: Snapshot) -> Pools:
        self.told.append(snapshot)
        return self.wanted[max(at for at in self.wanted if at <= snapshot.time_seconds)]

    def first(self, is_so: Callable[[Snapshot], bool]) -> float:
        return next(one.time_seconds for one in self.told if is_so(one))


def steady(seconds: float, rate: float = 5.0, output: int = 20) -> Requests:
    return Requests.of(np.arange(0.0, seconds, 1 / rate), 500, output)


@pytest.fixture
def calm(service: ServiceModel) -> ServiceModel:
    return replace(service, lifecycle=CALM)


def test_a_worker_serves_when_its_role_has_started_up(calm: ServiceModel) -> None:
    script = Script({0: Pools(1, 1), 10: Pools(2, 2)})
    result = simulate(steady(60), calm, Pools(1, 1), policy=script)
    assert script.first(lambda now: now.prefill.serving == 2) == 30
    assert script.first(lambda now: now.decode.serving == 2) == 40
    assert result.lost_requests == 0
    # Held from the asking on.
    assert result.prefill.gpu_seconds == pytest.approx(2 * result.span_seconds - 10)
    assert result.prefill.worker_seconds == pytest.approx(2 * result.span_seconds - 30)


def test_start_ups_are_drawn_by_the_seed(calm: ServiceModel) -> None:
    spread = replace(calm, lifecycle=replace(CALM, startup_spread=0.5))
    script = {0.0: Pools(1, 1), 10.0: Pools(4, 1)}
    results = [
        simulate(steady(60), spread, Pools(1, 1), policy=Script(script), seed=seed).prefill
        for seed in (1, 1, 2)
    ]
    assert results[0] == results[1]
    assert results[0] != results[2]


def test_a_worker_too_many_finishes_what_it_has(calm: ServiceModel) -> None:
    script = Script({0: Pools(1, 2), 10: Pools(1, 1)})
    result = simulate(steady(60, output=200), calm, Pools(1, 2), policy=script)
    assert script.first(lambda now: now.decode.draining == 1) == 11
    gone = script.first(lambda now: now.time_seconds > 11 and now.decode.draining == 0)
    assert 11 < gone < 20
    assert result.lost_requests == 0


def test_at_the_deadline_a_drained_worker_goes_with_what_it_has(calm: ServiceModel) -> None:
    hasty = replace(calm, lifecycle=replace(CALM, drain_deadline_seconds=0.5))
    script = Script({0: Pools(1, 2), 10: Pools(1, 1)})
    result = simulate(steady(60, output=400), hasty, Pools(1, 2), policy=script)
    assert 0 < result.lost_requests < 50
    assert np.isinf(result.ttft_seconds).sum() == result.lost_requests


def test_a_start_is_called_off_before_a_worker_is_drained(calm: ServiceModel) -> None:
    script = Script({0: Pools(1, 1), 10: Pools(3, 1), 15: Pools(1, 1)})
    result = simulate(steady(60), calm, Pools(1, 1), policy=script)
    assert {now.prefill.serving for now in script.told} == {1}
    assert result.prefill.gpu_seconds == pytest.approx(result.span_seconds + 2 * 5)


def test_a_worker_changes_sides_in_the_time_of_a_switch(calm: ServiceModel) -> None:
    flipping = replace(calm, lifecycle=replace(CALM, role_flips=True))
    script = Script({0: Pools(1, 3), 10: Pools(2, 2)})
    result = simulate(steady(60), flipping, Pools(1, 3), policy=script)
    assert result.flips == 1
    assert result.lost_requests == 0
    assert script.first(lambda now: now.prefill.serving == 2) <= 10 + 1 + 3 + 1
    assert result.gpu_seconds == pytest.approx(4 * result.span_seconds)


def test_a_policy_names_the_flips_itself(calm: ServiceModel) -> None:
    script = Script({0: Pools(1, 3), 10: Pools(2, 2, to_prefill=1), 11: Pools(2, 2)})
    result = simulate(steady(60), calm, Pools(1, 3), policy=script)
    assert result.flips == 1
    assert result.lost_requests == 0
    assert script.first(lambda now: now.prefill.promised == 1) == 11
    assert script.first(lambda now: now.prefill.serving == 2) <= 10 + 1 + 3 + 1
    assert result.gpu_seconds == pytest.approx(4 * result.span_seconds)


def test_a_worker_that_is_busy_for_too_long_keeps_its_role(calm: ServiceModel) -> None:
    script = Script({0: Pools(1, 2), 10: Pools(2, 1, to_prefill=1), 11: Pools(2, 1)})
    result = simulate(steady(3, output=8_000), calm, Pools(1, 2), policy=script)
    assert result.flips == 0
    assert result.lost_requests == 0
    back = script.first(lambda now: now.time_seconds > 11 and now.decode.serving == 2)
    assert LONGEST_DRAIN_SECONDS <= back - 10 <= LONGEST_DRAIN_SECONDS + 2
    meanwhile = [now for now in script.told if now.time_seconds < back]
    assert {now.decode.draining for now in meanwhile} == {0}, "it counts where it is to go"


def test_without_flips_the_same_wish_starts_and_drains(calm: ServiceModel) -> None:
    script = Script({0: Pools(1, 3), 10: Pools(2, 2)})
    result = simulate(steady(60), calm, Pools(1, 3), policy=script)
    assert result.flips == 0
    assert script.first(lambda now: now.prefill.serving == 2) == 30


def test_workers_of_different_size_do_not_change_sides(service: ServiceModel) -> None:
    larger = replace(service.decode, tensor_parallel_size=2)
    with pytest.raises(ValueError, match="TP1 cannot become one of TP2"):
        replace(service, decode=larger, lifecycle=Lifecycle(role_flips=True))


@pytest.mark.parametrize("role", Role)
def test_a_dead_worker_loses_what_it_has_and_comes_back(calm: ServiceModel, role: Role) -> None:
    script = Script({0: Pools(2, 2)})
    requests = steady(100, rate=30, output=30)
    result = simulate(
        requests, calm, Pools(2, 2), policy=script, failures=[Failure(50.02, role)], seed=3
    )
    pool = [getattr(now, role.value).serving for now in script.told]
    assert min(pool) == 1
    assert pool[-1] == 2
    lost = np.isinf(result.ttft_seconds)
    assert 0 < lost.sum() == result.lost_requests
    # Only those that were under way: they came shortly before.
    assert requests.arrival_seconds[lost].min() > 40
    assert requests.arrival_seconds[lost].max() <= 50.02


def test_while_no_worker_of_a_role_serves_requests_are_lost(calm: ServiceModel) -> None:
    result = simulate(steady(60), calm, Pools(1, 1), failures=[Failure(10.05, Role.PREFILL)])
    lost = np.flatnonzero(np.isinf(result.ttft_seconds))
    assert lost[-1] / 5 == pytest.approx(30, abs=0.3)
    assert len(lost) >= 100


def test_the_policy_is_told_what_came_and_what_was_completed(calm: ServiceModel) -> None:
    script = Script({0: Pools(1, 1)}, period_seconds=7.0)
    result = simulate(steady(60), calm, Pools(1, 1), policy=script)
    assert sum(len(now.arrived) for now in script.told) == pytest.approx(300, abs=35)
    for now in script.told:
        assert (now.arrived.arrival_seconds <= now.time_seconds).all()
    told = np.concatenate([now.ttft_seconds for now in script.told])
    assert (told == result.ttft_seconds[: len(told)]).all()
    assert [size.time_seconds for size in result.sizes] == [7.0 * n for n in range(1, 9)]


def test_a_policy_needs_a_period(service: ServiceModel) -> None:
    with pytest.raises(ValueError, match="period is above 0"):
        simulate(
            steady(5), service, Pools(1, 1), policy=Script({0: Pools(1, 1)}, period_seconds=0.0)
        )


def test_workers_beyond_what_the_cluster_has_wait_at_no_cost(calm: ServiceModel) -> None:
    scarce = replace(calm, lifecycle=replace(CALM, cluster_gpus=3))
    script = Script({0: Pools(1, 1), 10: Pools(3, 1)})
    result = simulate(steady(60), scarce, Pools(1, 1), policy=script)
    assert script.told[-1].prefill.serving == 2
    assert script.told[-1].prefill.pending_seconds == (script.told[-1].time_seconds - 10,)
    assert result.prefill.gpu_seconds == pytest.approx(2 * result.span_seconds - 10)


def test_a_waiting_worker_starts_as_soon_as_another_pool_lets_gpus_go(calm: ServiceModel) -> None:
    scarce = replace(calm, lifecycle=replace(CALM, cluster_gpus=3))
    script = Script({0: Pools(1, 2), 10: Pools(2, 2), 30: Pools(2, 1)})
    simulate(steady(90), scarce, Pools(1, 2), policy=script)
    freed = script.first(lambda now: now.time_seconds > 30 and not now.decode.draining)
    assert script.first(lambda now: now.prefill.starting == 1) <= freed + 1
    assert script.first(lambda now: now.prefill.serving == 2) == pytest.approx(freed + 20, abs=1)


def test_a_waiting_worker_that_is_no_longer_wanted_is_called_off_first(calm: ServiceModel) -> None:
    scarce = replace(calm, lifecycle=replace(CALM, cluster_gpus=3))
    script = Script({0: Pools(1, 1), 10: Pools(3, 1), 15: Pools(2, 1)})
    simulate(steady(60), scarce, Pools(1, 1), policy=script)
    assert script.first(lambda now: now.prefill.serving == 2) == 30
    assert not script.told[-1].prefill.pending_seconds
