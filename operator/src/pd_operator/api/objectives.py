"""The latency a client shall see: `spec.objectives`."""

from pydantic import Field

from pd_operator.api.base import ApiModel


class Objective(ApiModel):
    """A share of requests that must be at least so fast."""

    percentile: int = Field(
        default=90,
        ge=50,
        le=99,
        description="Percent of requests that must meet the limit, 50 to 99. 100 is refused: no "
        "finite number of workers can promise it.",
    )
    milliseconds: int = Field(
        ge=1, le=3600000, description="The limit in milliseconds, greater than 0."
    )

    @property
    def seconds(self) -> float:
        """The limit in seconds."""
        return self.milliseconds / 1000


class ObjectivesSpec(ApiModel):
    """The latency a client shall see. Both limits become edges of SGLang's histograms."""

    ttft: Objective = Field(
        description="Time to first token of a streamed request, from its arrival at the decode "
        "worker: waiting, prefill and KV transfer. Sizes the prefill pool."
    )
    tpot: Objective = Field(
        description="Mean time per output token after the first, per request. Sizes the decode "
        "pool."
    )
