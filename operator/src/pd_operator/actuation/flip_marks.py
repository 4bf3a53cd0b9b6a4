"""What each step of a change of role writes on the pod."""

from dataclasses import dataclass, field

from pd_operator.actuation.actuator import SERVES
from pd_operator.actuation.deletion_order import DRAINING
from pd_operator.actuation.flips import (
    BeginFlip,
    CorrectRole,
    KeepRole,
    Replace,
    SwitchRole,
)
from pd_operator.actuation.steps import NoteIdle
from pd_operator.api.names import (
    ANNOTATION_DELETION_COST,
    ANNOTATION_DRAIN_DEADLINE,
    ANNOTATION_DRAIN_STARTED,
    ANNOTATION_HALF_SWITCHED,
    ANNOTATION_HOST_SPELLING,
    ANNOTATION_IDLE_SINCE,
    ANNOTATION_ROLE_SINCE,
    ANNOTATION_SWITCH_REFUSED,
    ANNOTATION_SWITCH_TO,
    LABEL_ROLE,
    LABEL_TRAFFIC,
    TRAFFIC_OFF,
)
from pd_operator.api.roles import Role

Texts = dict[str, str | None]


@dataclass(frozen=True)
class Marks:
    """Labels and annotations to set on a pod; None removes one."""

    labels: Texts = field(default_factory=dict)
    annotations: Texts = field(default_factory=dict)


def marks(step: BeginFlip | NoteIdle | KeepRole | CorrectRole | Replace, now: float) -> Marks:
    """What is written for a step, at `now` (Unix seconds)."""
    match step:
        case BeginFlip(_, role, deadline):
            return Marks(
                {LABEL_TRAFFIC: TRAFFIC_OFF},
                {
                    ANNOTATION_SWITCH_TO: role.value,
                    # Not of the look that it was decided on: a router learns of it from now on.
                    ANNOTATION_DRAIN_STARTED: f"{now:.3f}",
                    ANNOTATION_DRAIN_DEADLINE: f"{deadline:.0f}",
                    ANNOTATION_IDLE_SINCE: None,
                },
            )
        case NoteIdle(_, since):
            return Marks({}, {ANNOTATION_IDLE_SINCE: None if since is None else f"{since:.3f}"})
        case KeepRole():
            refused: Texts = {ANNOTATION_SWITCH_REFUSED: f"{now:.0f}"}
            return Marks({LABEL_TRAFFIC: None}, SERVES | refused)
        case CorrectRole(_, role, spelling, ends_flip):
            served = has_role(role, spelling, now)
            if ends_flip:
                return served
            kept = {name: text for name, text in served.annotations.items() if name not in SERVES}
            return Marks({LABEL_ROLE: role.value}, kept)
        case Replace():
            return Marks(
                {LABEL_TRAFFIC: TRAFFIC_OFF},
                {
                    ANNOTATION_SWITCH_TO: None,
                    ANNOTATION_DRAIN_STARTED: f"{now:.3f}",
                    ANNOTATION_DRAIN_DEADLINE: f"{now:.0f}",
                    ANNOTATION_DELETION_COST: str(DRAINING),
                },
            )


def switched(step: SwitchRole, now: float) -> Marks:
    """What is written when the engine has taken the role.

    All at once, so that no router is told of the new role under the old name of its host.
    """
    return has_role(step.role, step.host_spelling, now)


def asked(now: float) -> Marks:
    """What is written before the engine is asked: from then on it may be between the roles."""
    return Marks({}, {ANNOTATION_HALF_SWITCHED: f"{now:.3f}"})


def serves_as_before() -> Marks:
    """What is written where it was not asked after all, or has refused."""
    return Marks({}, {ANNOTATION_HALF_SWITCHED: None})


def has_role(role: Role, host_spelling: int, now: float) -> Marks:
    """What is written on a pod that serves in a role since `now`."""
    return Marks(
        {LABEL_ROLE: role.value, LABEL_TRAFFIC: None},
        SERVES
        | {
            ANNOTATION_HALF_SWITCHED: None,
            ANNOTATION_ROLE_SINCE: f"{now:.3f}",
            ANNOTATION_HOST_SPELLING: str(host_spelling),
        },
    )
