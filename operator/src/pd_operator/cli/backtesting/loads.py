"""The loads that are replayed, wherever they came from."""

from collections.abc import Mapping
from dataclasses import dataclass

from pd_operator.demand import DemandHistory, FloatArray

REQUESTS = "requests per second"
PROMPT_TOKENS = "prompt tokens per second"
OUTPUT_TOKENS = "output tokens per second"

LONGEST_BINS = 600_000
"""A year of minutes, and some more."""


class LoadError(ValueError):
    """A load that cannot be read, or cannot be replayed; the message says why and what to do."""


@dataclass(frozen=True, eq=False)
class Loads:
    """Series over the same bins.

    - `name`: of the service or file. `series`: bins by what they count, shape (n,), NaN missing.
    - `end_seconds`: end of the last bin, Unix time; `dated` is False where a file counts seconds
      from a beginning of its own.
    - `ratio_of`: names of the series whose ratio is that of prefill and decode work, if any.
    """

    name: str
    series: Mapping[str, FloatArray]
    bin_seconds: float
    end_seconds: float
    dated: bool = True
    ratio_of: tuple[str, str] | None = None

    @property
    def bins(self) -> int:
        """How many bins each series has."""
        return len(next(iter(self.series.values())))

    @classmethod
    def of_history(cls, name: str, history: DemandHistory) -> "Loads":
        """A service's requests and tokens."""
        return cls(
            name=name,
            series={
                REQUESTS: history.requests_per_second,
                PROMPT_TOKENS: history.prompt_tokens_per_second,
                OUTPUT_TOKENS: history.output_tokens_per_second,
            },
            bin_seconds=history.bin_seconds,
            end_seconds=history.end_seconds,
            ratio_of=(PROMPT_TOKENS, OUTPUT_TOKENS),
        )
