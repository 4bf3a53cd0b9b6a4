"""What a decision by roles asks of the Deployments, while workers are on loan between them."""

from dataclasses import replace

from pd_operator.actuation.home_pools import HomeTarget, home_targets
from pd_operator.api.roles import Role
from pd_operator.scaling.decision import Decision, DecisionReason, PoolDecision, RoleFlip
from pd_operator.scaling.observation import (
    Observation,
    PoolObservation,
    Unknown,
    WorkerObservation,
)
from pd_operator.telemetry.observe_roles import pools_by_role

UNKNOWN = Unknown("NotAsked", "test", "not asked")


def workers(home: Role, own: int, lent: int = 0) -> PoolObservation:
    """A Deployment with so many workers in their own role and in the other."""
    members = [
        WorkerObservation(f"{home}-{number}", home if number < own else home.other, home=home)
        for number in range(own + lent)
    ]
    return PoolObservation(home, own + lent, tuple(members))


def seen(prefill: PoolObservation, decode: PoolObservation) -> Observation:
    return Observation(0.0, UNKNOWN, *pools_by_role(prefill, decode), homes=(prefill, decode))


def decided(look: Observation, prefill: int, decode: int, *flips: RoleFlip) -> Decision:
    wanted = {Role.PREFILL: prefill, Role.DECODE: decode}
    pools = {
        role: PoolDecision(role, look.pool(role).current, wanted[role], DecisionReason.STEADY)
        for role in Role
    }
    return Decision(
        pools[Role.PREFILL], pools[Role.DECODE], (), DecisionReason.STEADY, "", False, flips
    )


def replicas(targets: dict[Role, HomeTarget]) -> tuple[int, int]:
    return targets[Role.PREFILL].replicas, targets[Role.DECODE].replicas


def test_roles_count_the_workers_that_have_them() -> None:
    look = seen(workers(Role.PREFILL, 2), workers(Role.DECODE, 3, lent=1))
    assert (look.prefill.current, look.decode.current) == (3, 3)
    assert (look.home(Role.PREFILL).replicas, look.home(Role.DECODE).replicas) == (2, 4)
    assert [worker.name for worker in look.prefill.workers if worker.on_loan] == ["decode-3"]


def test_without_loans_replicas_are_what_is_wanted() -> None:
    look = seen(workers(Role.PREFILL, 2), workers(Role.DECODE, 3))
    assert replicas(home_targets(look, decided(look, 4, 2))) == (4, 2)


def test_a_flip_changes_no_replicas() -> None:
    look = seen(workers(Role.PREFILL, 2), workers(Role.DECODE, 3))
    targets = home_targets(look, decided(look, 3, 2, RoleFlip("decode-0", Role.PREFILL)))
    assert replicas(targets) == (2, 3)
    assert targets[Role.DECODE].kept == {"decode-0"}


def test_a_loan_that_stays_changes_no_replicas() -> None:
    look = seen(workers(Role.PREFILL, 2), workers(Role.DECODE, 2, lent=1))
    targets = home_targets(look, decided(look, 3, 2))
    assert replicas(targets) == (2, 3)
    assert targets[Role.DECODE] == HomeTarget(3, frozenset(), frozenset({"decode-2"}))


def test_growth_beyond_a_loan_is_ordered_where_it_is_wanted() -> None:
    look = seen(workers(Role.PREFILL, 2), workers(Role.DECODE, 2, lent=1))
    assert replicas(home_targets(look, decided(look, 5, 2))) == (4, 3)
    assert replicas(home_targets(look, decided(look, 3, 4))) == (2, 5)


def test_a_pool_that_shrinks_gives_up_what_it_borrowed_first() -> None:
    look = seen(workers(Role.PREFILL, 2), workers(Role.DECODE, 2, lent=1))
    targets = home_targets(look, decided(look, 2, 2))
    assert replicas(targets) == (2, 2)
    assert targets[Role.DECODE] == HomeTarget(2, frozenset({"decode-2"}))


def test_a_lender_that_shrinks_takes_none_of_the_workers_it_lent() -> None:
    look = seen(workers(Role.PREFILL, 2), workers(Role.DECODE, 3, lent=1))
    targets = home_targets(look, decided(look, 3, 2))
    assert replicas(targets) == (2, 3)
    assert targets[Role.DECODE].kept == {"decode-3"}


def test_a_borrowed_worker_that_drains_is_on_its_way_out_of_its_own_deployment() -> None:
    decode = workers(Role.DECODE, 2, lent=1)
    drained = replace(decode.workers[2], traffic=False, drain_started=1.0)
    look = seen(workers(Role.PREFILL, 2), replace(decode, workers=(*decode.workers[:2], drained)))
    assert (look.prefill.current, look.decode.current) == (2, 2)
    assert replicas(home_targets(look, decided(look, 2, 2))) == (2, 2)


def test_one_that_the_replicas_were_lowered_for_counts_nowhere() -> None:
    decode = workers(Role.DECODE, 2, lent=1)
    removed = replace(decode.workers[2], traffic=False, replicas_without=2)
    lowered = PoolObservation(Role.DECODE, 2, (*decode.workers[:2], removed))
    look = seen(workers(Role.PREFILL, 2), lowered)
    assert (look.prefill.current, look.decode.current) == (2, 2)
    assert look.prefill.drains == []


def test_one_that_stays_between_two_roles_goes_before_others_come() -> None:
    decode = workers(Role.DECODE, 3)
    broken = replace(decode.workers[2], traffic=False, half_switched=5.0)
    look = seen(workers(Role.PREFILL, 2), replace(decode, workers=(*decode.workers[:2], broken)))
    assert look.decode.current == 2
    assert replicas(home_targets(look, decided(look, 2, 3))) == (2, 2)
