"""The two pools of workers: `spec.prefill` and `spec.decode`."""

from typing import Self

from pydantic import Field, model_validator

from pd_operator.api.arguments import PoolArguments
from pd_operator.api.base import ApiModel, cel_rules
from pd_operator.api.rollouts import DrainOverdue, RolloutStrategy
from pd_operator.api.scale_target import ScaleTargetRef
from pd_operator.api.template import PodTemplateOverlay


class PoolSpec(ApiModel):
    """Workers of one role."""

    model_config = cel_rules(
        {
            "rule": "self.minReplicas <= self.maxReplicas",
            "message": "minReplicas must not exceed maxReplicas",
            "fieldPath": ".minReplicas",
        }
    )

    min_replicas: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="Fewest workers, at least 1: without a worker of each role nothing is served. "
        "The pool is created with as many.",
    )
    max_replicas: int = Field(
        ge=1,
        le=1000,
        description="Most workers, at least minReplicas. Each holds tensorParallelSize GPUs.",
    )
    tensor_parallel_size: int = Field(
        default=1,
        ge=1,
        le=64,
        description="GPUs of one worker, all on one node; SGLang's --tp-size. Take the same in "
        "both pools unless the model's KV layout allows otherwise. The profile must know it. "
        "Left out with parallelism Auto.",
    )
    args: PoolArguments = Field(
        default=(),
        description="Arguments appended to SGLang's command line in this pool, after "
        "spec.engine.args. What prefill and decode must agree on, such as --page-size and "
        "--kv-cache-dtype, is refused here.",
    )
    expected_startup_seconds: int = Field(
        default=180,
        ge=1,
        le=7200,
        description="Seconds from a worker's getting a node until it is ready, used as the "
        "forecast's horizon until start-ups have been measured. Too short and workers come late; "
        "too long and they are bought on a vaguer forecast.",
    )
    drain_deadline_seconds: int = Field(
        default=300,
        ge=0,
        le=86400,
        description="Seconds a worker chosen for removal may take to finish its requests after "
        "the router stopped sending it new ones. See drainOverdue for what happens then.",
    )
    drain_overdue: DrainOverdue = Field(
        default=DrainOverdue.CUT,
        description="What happens to a worker that has requests left when drainDeadlineSeconds "
        "have passed: Cut removes it, so that only terminationGracePeriodSeconds are left to them; "
        "Wait reports it and waits until it is idle.",
    )
    rollout_strategy: RolloutStrategy = Field(
        default=RolloutStrategy.AUTO,
        description="How workers are replaced when their template changes. Surge starts the new "
        "one first and waits until there is room for one more. Replace takes an old one away "
        "first, as a cluster without free GPUs needs it; a pool of one worker is out until the new "
        "one is ready. Auto starts the new one first, and where that finds no node for a minute "
        "while two or more workers serve, takes an old one away.",
    )
    termination_grace_period_seconds: int = Field(
        default=600,
        ge=30,
        le=86400,
        description="Seconds between SIGTERM and SIGKILL when something else deletes a worker "
        "(rollout, node drain). SGLang finishes its requests in that time: take the longest "
        "generation plus 30 seconds.",
    )
    template: PodTemplateOverlay = Field(
        default_factory=dict,
        description="Pod template merged over the operator's own, as a strategic merge does: maps "
        "key by key, containers, volumes, volumeMounts and env by name, other lists replaced. "
        "$patch: delete in a map or in an element of such a list removes the operator's own, "
        "$patch: replace in a map puts the rest of it in its place; null removes, too, and is lost "
        "in a client-side kubectl apply. The engine's container is called engine. Use it for "
        "resources, node selectors, tolerations, volumes, environment and RDMA devices; see "
        "kubectl explain pod.spec.",
    )
    scale_target_ref: ScaleTargetRef | None = Field(
        default=None,
        description="Workers that run already, as a workload of your own: the operator makes "
        "nothing and deletes nothing, and in mode Advisory only says how many there should be. "
        "Given for both pools or for none, from the start. The workload keeps its image, "
        "arguments and strategy; tensorParallelSize and expectedStartupSeconds say what they are. "
        "See docs/attach.md.",
    )

    @property
    def minimum_gpus(self) -> int:
        """GPUs held at `min_replicas`."""
        return self.min_replicas * self.tensor_parallel_size

    @model_validator(mode="after")
    def _min_not_above_max(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError("minReplicas must not exceed maxReplicas")
        return self
