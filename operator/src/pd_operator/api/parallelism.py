"""Who chooses the workers' sizes, and for which load: `parallelism` and `expectedLoad`."""

from enum import StrEnum

from pydantic import Field

from pd_operator.api.base import ApiModel


class Parallelism(StrEnum):
    """Who chooses tensor-parallel sizes."""

    MANUAL = "Manual"
    AUTO = "Auto"
    AUTO_PER_ROLE = "AutoPerRole"


class ExpectedLoad(ApiModel):
    """The load that sizes are chosen for when nobody has measured one yet."""

    requests_per_second: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="Requests per second of the busy hours: the sizes that need fewest GPUs then "
        "are chosen. Absent: those that serve most requests per GPU within the objectives, "
        "however many there are.",
    )
    prompt_tokens: int = Field(
        default=1155,
        ge=1,
        le=10_000_000,
        description="Mean prompt tokens of a request that are not in the prefix cache. The default "
        "is the mean of Azure's public conversation trace of 2023.",
    )
    output_tokens: int = Field(
        default=211,
        ge=1,
        le=10_000_000,
        description="Mean generated tokens of a request. The default is the mean of that trace.",
    )
