"""What an attached service's engines say of their roles, held against the spec."""

from dataclasses import replace

import pytest

from pd_operator.actuation.scale_targets import ScaleTargetError, TargetFault
from pd_operator.api.roles import Role
from pd_operator.api.scale_target import ScaleTargetRef
from pd_operator.controller.tick.attached_fleet import must_have_their_roles
from pd_operator.scaling.observation import (
    NOT_ASKED,
    EngineLoad,
    Known,
    Observation,
    PoolObservation,
    WorkerObservation,
)

TARGETS = {
    role: ScaleTargetRef(api_version="apps/v1", kind="Deployment", name=f"chat-{role}")
    for role in Role
}


def seen(prefill: Role | None, decode: Role | None) -> Observation:
    """A worker of each target, and the roles that they say they have."""

    def pool(role: Role, mode: Role | None) -> PoolObservation:
        engine = EngineLoad(mode, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0.0, ())
        one = WorkerObservation(f"{role}-0", role, load=Known(engine, 0.0, "engine"))
        mute = replace(one, name=f"{role}-1", load=NOT_ASKED)
        return PoolObservation(role, 2, (mute, one))

    pools = pool(Role.PREFILL, prefill), pool(Role.DECODE, decode)
    return Observation(0.0, NOT_ASKED, *pools)


@pytest.mark.parametrize("modes", [(Role.PREFILL, Role.DECODE), (None, None)])
def test_engines_that_have_their_role_or_say_none_are_taken(
    modes: tuple[Role | None, Role | None],
) -> None:
    must_have_their_roles(seen(*modes), TARGETS)


def test_targets_that_are_named_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(
        ScaleTargetError, match="Deployment chat-prefill is named as prefill, and i"
    ) as refused:
        must_have_their_roles(seen(Role.DECODE, Role.PREFILL), TARGETS)
    assert refused.value.fault is TargetFault.OTHER_ROLE
