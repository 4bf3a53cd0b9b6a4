"""The latency that a service promises."""

import math
from dataclasses import dataclass, replace
from typing import Self

from pd_operator.api.objectives import ObjectivesSpec


@dataclass(frozen=True)
class Objective:
    """`percentile` percent of the requests stay within `seconds`.

    `budget_share`: of the requests that may be late, those that a plan may spend; the rest is left
    for what no plan foresees. `ValueError` for a percentile outside 1 to 99, a time that is not
    above zero or not finite, or a share outside 0 to 1.
    """

    percentile: int
    seconds: float
    budget_share: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.percentile <= 99:
            raise ValueError(f"an objective's percentile is 1 to 99, not {self.percentile}")
        if not 0 < self.seconds < math.inf:
            raise ValueError(f"an objective's time is above 0 s and finite, not {self.seconds}")
        if not 0 <= self.budget_share <= 1:
            raise ValueError(f"a share of the budget is 0 to 1, not {self.budget_share}")

    @property
    def share(self) -> float:
        """The percentile as a share between 0 and 1."""
        return self.percentile / 100

    @property
    def error_budget(self) -> float:
        """Share of the requests that may be late."""
        return 1 - self.share


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

    def spending(self, budget_share: float) -> "Objectives":
        """The same, with a plan allowed that share of what may be late."""
        return Objectives(
            replace(self.ttft, budget_share=budget_share),
            replace(self.tpot, budget_share=budget_share),
        )
