"""The model and the engine that serves it: `spec.model` and `spec.engine`."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from pd_operator.api.arguments import EngineArguments
from pd_operator.api.base import ApiModel, Image, cel_rules

ObjectName = Annotated[
    str,
    StringConstraints(max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"),
]


GpuResource = Annotated[
    str,
    StringConstraints(
        max_length=253, pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9._]*))?$"
    ),
]
"""Name of an extended resource, or nothing."""


class ModelSpec(ApiModel):
    """The model that is served."""

    path: Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^\S+$")] = Field(
        description="Hugging Face repository or directory inside the container that holds the "
        "weights; SGLang's --model-path."
    )
    served_name: (
        Annotated[
            str, StringConstraints(max_length=253, pattern=r"^[A-Za-z0-9]([A-Za-z0-9._:/-]*)$")
        ]
        | None
    ) = Field(
        default=None,
        description="Name that clients put in the model field of a request. Absent: the path.",
    )

    @property
    def name_for_clients(self) -> str:
        """What a request's `model` field says."""
        return self.served_name or self.path


class ConfigMapKeyRef(ApiModel):
    """A key of a ConfigMap in the service's own namespace."""

    name: ObjectName = Field(description="Name of the ConfigMap.")
    key: Annotated[
        str, StringConstraints(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")
    ] = Field(default="profile.json", description="Key whose value is the profile, as JSON.")


class ProfileRef(ApiModel):
    """Where the performance profile comes from: exactly one of the two."""

    model_config = cel_rules(
        {
            "rule": "has(self.name) != has(self.configMapRef)",
            "message": "exactly one of name and configMapRef must be set",
        }
    )

    name: Annotated[str, StringConstraints(min_length=1, max_length=253)] | None = Field(
        default=None,
        description="Name of a profile that comes with the operator, for instance "
        "llama-3.1-70b-h100. An unknown name turns condition SLOFeasible to False with the "
        "names there are.",
    )
    config_map_ref: ConfigMapKeyRef | None = Field(
        default=None,
        description="ConfigMap that holds an own profile (docs/profiles.md has the format).",
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.name is None) == (self.config_map_ref is None):
            raise ValueError("exactly one of name and configMapRef must be set")
        return self


class EngineSpec(ApiModel):
    """The SGLang server that both pools run."""

    image: Image = Field(
        default="lmsysorg/sglang:v0.5.23",
        description="Container image of SGLang, 0.5.20 or newer (readiness needs /ready; the time "
        "per output token is told from 0.5.22 on). Both "
        "pools run the same one: prefill and decode of different releases do not understand each "
        "other.",
    )
    args: EngineArguments = Field(
        default=(),
        description="Arguments appended to SGLang's command line in both pools, for instance "
        "--page-size or --kv-cache-dtype, which must be alike in both. A flag and its value are "
        "two arguments. Refused are flags that follow from other fields, that give a worker more "
        "GPUs than tensorParallelSize, and --api-key, behind which the operator sees no load.",
    )
    profile: ProfileRef | None = Field(
        default=None,
        description="How fast one worker is: times of a prefill pass and of a decode step, and "
        "KV-cache capacity, per tensor-parallel size. Pools are sized with it. Set exactly one of "
        "name and configMapRef. Without a profile the engine is assumed to be a slow one, and "
        "measured while it serves: for the first minutes of load too many workers are bought, and "
        "none is removed.",
    )
    transfer_gigabits_per_second: int = Field(
        default=200,
        ge=1,
        le=100000,
        description="Network bandwidth of one worker for KV cache, in gigabits per second. Moving "
        "a prompt's KV cache from prefill to decode is part of the time to first token.",
    )
    gpu_resource: GpuResource = Field(
        default="nvidia.com/gpu",
        description="Resource of which a worker's container gets tensorParallelSize, for instance "
        "amd.com/gpu. Empty: none, for GPUs by DRA claims, which the pools' templates then bring.",
    )
    gpus_per_node: int = Field(
        default=8,
        ge=1,
        le=64,
        description="GPUs of one node. A worker's GPUs are on one node: parallelism Auto chooses "
        "only sizes that fill nodes without a rest.",
    )
