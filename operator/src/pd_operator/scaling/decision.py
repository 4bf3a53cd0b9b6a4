"""What changes, and why, link by link."""

from dataclasses import dataclass
from enum import StrEnum

from pd_operator.api.roles import Role


class DecisionReason(StrEnum):
    """The one word for a decision: the last link that moved it."""

    STEADY = "Steady"
    FORECAST_LOAD = "ForecastLoad"
    FALLING_LOAD = "FallingLoad"
    RISING_LOAD = "RisingLoad"
    PRESENT_LOAD = "PresentLoad"
    ROOM_FOR_A_JUMP = "RoomForAJump"
    QUEUE_PRESSURE = "QueuePressure"
    SCHEDULED = "Scheduled"
    DEMAND_UNKNOWN = "DemandUnknown"
    ENGINE_UNMEASURED = "EngineUnmeasured"
    SURPRISED = "Surprised"
    STABILIZED = "Stabilized"
    RATE_LIMITED = "RateLimited"
    CAPACITY_NOT_COMING = "CapacityNotComing"
    AT_MINIMUM = "AtMinimum"
    AT_MAXIMUM = "AtMaximum"
    BUDGET_BOUND = "BudgetBound"
    ON_LOAN = "OnLoan"


@dataclass(frozen=True)
class Link:
    """One step of the chain: the workers wanted after it, and a sentence with the figures."""

    name: str
    prefill: int
    decode: int
    sentence: str


@dataclass(frozen=True)
class PoolDecision:
    """Workers of one pool: those meant to stay now, and those that shall be."""

    role: Role
    current: int
    desired: int
    reason: DecisionReason

    @property
    def delta(self) -> int:
        """Workers to add, or to remove where negative."""
        return self.desired - self.current


@dataclass(frozen=True)
class RoleFlip:
    """A worker that shall leave its role and take `role`."""

    worker: str
    role: Role


@dataclass(frozen=True)
class Decision:
    """Workers of both pools with the chain that led there.

    - `holds`: whether something that a scale-down would need to know is unknown.
    - `flips`: workers that begin to take the other role; the pools' numbers have them there.
    """

    prefill: PoolDecision
    decode: PoolDecision
    links: tuple[Link, ...]
    reason: DecisionReason
    sentence: str
    holds: bool
    flips: tuple[RoleFlip, ...] = ()

    def pool(self, role: Role) -> PoolDecision:
        """The decision on one pool."""
        return self.prefill if role is Role.PREFILL else self.decode
