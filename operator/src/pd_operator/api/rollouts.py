"""How a pool's workers are replaced when their template changes, and how a drain may end."""

from enum import StrEnum


class RolloutStrategy(StrEnum):
    """Which goes first, the new worker or an old one."""

    AUTO = "Auto"
    """The new one; where it finds no node for a while and two or more serve, an old one."""
    SURGE = "Surge"
    """The new one, always: the rollout waits until there is room for one more."""
    REPLACE = "Replace"
    """An old one: needs no room, and a pool of one is out until the new one is ready."""


class DrainOverdue(StrEnum):
    """What happens to a worker that has requests left when its drain's deadline passes."""

    CUT = "Cut"
    """It is removed; its grace period is all that they have left."""
    WAIT = "Wait"
    """It is reported, and waited for until it is idle."""
