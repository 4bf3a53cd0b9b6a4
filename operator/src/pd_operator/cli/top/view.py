"""What is shown of a service: plain values, whoever measured them."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoolView:
    """Workers of one role, the most there may be, and the tokens per second they are bought for."""

    desired: int
    ready: int
    most: int
    tokens_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class ForecastView:
    """Requests per second expected at the lead time; `low` is None where nobody tells it."""

    horizon_seconds: float
    median: float
    high: float
    low: float | None = None


@dataclass(frozen=True, slots=True)
class Attained:
    """Shares of the requests within an objective, each with when; None where none is known."""

    objective: str
    goal_share: float
    shares: Sequence[tuple[float | None, str]]


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service under load. `offered` is the rate of requests over time, oldest first."""

    offered: Sequence[float]
    offered_now: float | None
    forecast: ForecastView | None
    prefill: PoolView
    decode: PoolView
    attained: Sequence[Attained]
    decision: str
