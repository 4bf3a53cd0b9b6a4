"""Streams at a steady rate, and what became of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from scripts.controller_bench.stage import Stage
from tests.integration.operator.service import NAME, RunningService
from tests.integration.operator.traffic import SteadyLoad

REQUESTS_PER_SECOND, INPUT_TOKENS, OUTPUT_TOKENS = 4.0, 50, 40
"""An answer takes a second at the 23 ms a token of the simulated engines."""


@dataclass
class Outcome:
    """What clients saw, and the operator counted: `lost` has what went wrong with each."""

    requests: int = 0
    lost: list[str] = field(default_factory=list)
    wrong_victims: int = 0

    def __add__(self, other: "Outcome") -> "Outcome":
        """Both together."""
        return Outcome(
            self.requests + other.requests,
            self.lost + other.lost,
            self.wrong_victims + other.wrong_victims,
        )


@contextmanager
def steady_load(stage: Stage, chat: RunningService, outcome: Outcome) -> Iterator[None]:
    """Requests while the block lasts; what became of them is added to `outcome`."""
    load = SteadyLoad(
        chat.router_url,
        stage.folder / chat.namespace,
        rate=REQUESTS_PER_SECOND,
        input_tokens=INPUT_TOKENS,
        output_tokens=OUTPUT_TOKENS,
    )
    with load:
        load.goes_on()
        yield
    place = {"namespace": chat.namespace, "service": NAME}
    outcome.wrong_victims += round(stage.operator.metric("wrong_victims_total", **place))
    outcome.requests += sum(load.outcomes().values())
    outcome.lost += load.failures()
