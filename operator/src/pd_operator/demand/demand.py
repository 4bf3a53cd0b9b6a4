"""The load of one moment."""

import math
from dataclasses import dataclass

from pd_operator.demand.lengths import LengthDistribution


@dataclass(frozen=True)
class Demand:
    """What is offered to a service: how many requests, and how long they are.

    - `prompt_tokens`: prompt tokens that are not in the prefix cache, so have to be computed.
    - `context_tokens_mean`: mean tokens of KV cache of a sequence in decode, over time; None
      where it was not measured and has to be reckoned from the lengths.
    - `arrival_scv`: squared coefficient of variation of the gaps between arrivals (Poisson: 1).

    `ValueError` where a figure is negative or not finite.
    """

    requests_per_second: float
    prompt_tokens: LengthDistribution
    output_tokens: LengthDistribution
    context_tokens_mean: float | None = None
    arrival_scv: float = 1.0

    def __post_init__(self) -> None:
        figures = (self.requests_per_second, self.context_tokens_mean or 0.0, self.arrival_scv)
        if not all(math.isfinite(figure) and figure >= 0 for figure in figures):
            raise ValueError(f"a demand's figures must be finite and at least 0, found {figures}")

    @property
    def prompt_tokens_per_second(self) -> float:
        """Uncached prompt tokens per second: the load of prefill."""
        return self.requests_per_second * self.prompt_tokens.mean

    @property
    def output_tokens_per_second(self) -> float:
        """Generated tokens per second: the load of decode."""
        return self.requests_per_second * self.output_tokens.mean
