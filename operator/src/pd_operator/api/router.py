"""SGLang's router in front of the pools: `spec.router`."""

from enum import StrEnum

from pydantic import Field

from pd_operator.api.arguments import RouterArguments
from pd_operator.api.base import ApiModel, Image
from pd_operator.api.template import PodTemplateOverlay


class PrefillPolicy(StrEnum):
    """How the router picks the prefill worker of a request."""

    RANDOM = "Random"
    ROUND_ROBIN = "RoundRobin"
    CACHE_AWARE = "CacheAware"
    POWER_OF_TWO = "PowerOfTwo"
    LEAST_LOAD = "LeastLoad"
    CONSISTENT_HASHING = "ConsistentHashing"
    PREFIX_HASH = "PrefixHash"
    BUCKET = "Bucket"


class DecodePolicy(StrEnum):
    """How the router picks the decode worker of a request."""

    RANDOM = "Random"
    ROUND_ROBIN = "RoundRobin"
    CACHE_AWARE = "CacheAware"
    POWER_OF_TWO = "PowerOfTwo"
    LEAST_LOAD = "LeastLoad"
    CONSISTENT_HASHING = "ConsistentHashing"
    PREFIX_HASH = "PrefixHash"


class RouterSpec(ApiModel):
    """SGLang's router (smg) in front of both pools."""

    image: Image = Field(
        default="lightseekorg/smg:1.13.0",
        description="Container image of smg, 1.13 or newer (the worker table is a file that older "
        "ones do not watch).",
    )
    replicas: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Routers. Each sees all workers; more than one spreads requests by what each "
        "knows of the load, which is less even.",
    )
    prefill_policy: PrefillPolicy = Field(
        default=PrefillPolicy.POWER_OF_TWO,
        description="Choice of the prefill worker. Load-aware ones (LeastLoad, PowerOfTwo, "
        "CacheAware) let the pool be planned as one queue; with the others each worker queues "
        "for itself and more workers are needed for the same objective.",
    )
    decode_policy: DecodePolicy = Field(
        default=DecodePolicy.ROUND_ROBIN,
        description="Choice of the decode worker. RoundRobin keeps the running batches alike, "
        "which is what time per output token wants; smg's LeastLoad divides a worker's load by "
        "its throughput, so that the busiest decode looks best.",
    )
    args: RouterArguments = Field(
        default=(),
        description="Arguments appended to smg's command line. Flags that follow from other "
        "fields are refused.",
    )
    template: PodTemplateOverlay = Field(
        default_factory=dict,
        description="Pod template merged over the operator's own, as in the pools. The containers "
        "are called router and worker-table.",
    )
