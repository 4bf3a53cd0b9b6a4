"""The latency that a service promises."""

import math
from dataclasses import dataclass
from typing import Self

from pd_operator.api.objectives import ObjectivesSpec


@dataclass(frozen=True)
class Objective:
    """`percentile` percent of the requests stay within `seconds`.

    `ValueError` for a percentile outside 1 to 99 or a time that is not above zero or
    not finite.
    """

    percentile: int
    seconds: float

    def __post_init__(self) -> None:
        if not 1 <= self.percentile <= 99:
            raise ValueError(f"an objective's percentile is 1 to 99, not {self.percentile}")
        if not 0 < self.seconds < math.inf:
            raise ValueError(f"an objective's time is above 0 s and finite, not {self.seconds}")

    @property
    def share(self) -> float:
        """The percentile as a share between 0 and 1."""
        return self.percentile / 100


@dataclass(frozen=True)
class Objectives:
    """Time to first token, and time per output token after the first."""

    ttft: Objective
    tpot: Objective

    @classmethod
    def of(cls, spec: ObjectivesSpec) -> Self:
        """Those of a service's spec."""
        return cls(
            ttft=Objective(spec.ttft.percentile, spec.ttft.seconds),
            tpot=Objective(spec.tpot.percentile, spec.tpot.seconds),
        )
