"""What a user asks for: the `spec` of a PDInferenceService.

Field descriptions become the CRD's, so they are what `kubectl explain` prints. The CEL rules
beside a model are what the apiserver checks; the validators check the same for an object that
comes another way, for instance from a file.
"""

from typing import Self

from pydantic import Field, model_validator

from pd_operator.api.autoscaling import AutoscalingSpec
from pd_operator.api.base import ApiModel, cel_rules
from pd_operator.api.engine import EngineSpec, ModelSpec
from pd_operator.api.metrics import MetricsSpec
from pd_operator.api.objectives import ObjectivesSpec
from pd_operator.api.parallelism import ExpectedLoad, Parallelism
from pd_operator.api.pools import PoolSpec
from pd_operator.api.roles import Role
from pd_operator.api.router import RouterSpec
from pd_operator.api.scale_target import ATTACHMENT_RULES, ScaleTargetRef, attachment_fault
from pd_operator.api.worker_arguments import WORKER_ARGUMENT_RULES, arguments_fault
from pd_operator.api.worker_template import template_fault

_NEEDS_PROFILE = "parallelism Auto needs engine.profile: sizes are chosen by its times"
_CHOOSES_SIZES = "parallelism Auto chooses tensorParallelSize of both pools: leave it out"


class PDInferenceServiceSpec(ApiModel):
    """A model served by SGLang with prefill and decode in separate pools."""

    model_config = cel_rules(
        {
            "rule": "!has(self.autoscaling.gpuBudget) || self.autoscaling.gpuBudget >= "
            "self.prefill.minReplicas * self.prefill.tensorParallelSize + "
            "self.decode.minReplicas * self.decode.tensorParallelSize",
            "message": "gpuBudget must cover minReplicas * tensorParallelSize of both pools",
            "fieldPath": ".autoscaling.gpuBudget",
        },
        {
            "rule": "self.autoscaling.forecast.resolutionSeconds >= "
            "2 * self.metrics.scrapeIntervalSeconds",
            "message": "resolutionSeconds must be at least two metrics.scrapeIntervalSeconds",
            "fieldPath": ".autoscaling.forecast.resolutionSeconds",
        },
        {
            "rule": "self.parallelism == 'Manual' || has(self.engine.profile)",
            "message": _NEEDS_PROFILE,
            "fieldPath": ".parallelism",
        },
        {
            "rule": "self.parallelism == 'Manual' || (self.prefill.tensorParallelSize == 1 && "
            "self.decode.tensorParallelSize == 1)",
            "message": _CHOOSES_SIZES,
            "fieldPath": ".parallelism",
        },
        *(
            {
                "rule": "self.autoscaling.schedules.all(s, "
                f"!has(s.min{role.title()}Replicas) || "
                f"s.min{role.title()}Replicas <= self.{role}.maxReplicas)",
                "message": f"a schedule's min{role.title()}Replicas must not be above "
                f"{role}.maxReplicas",
                "fieldPath": ".autoscaling.schedules",
            }
            for role in Role
        ),
        *ATTACHMENT_RULES,
        *WORKER_ARGUMENT_RULES,
    )

    model: ModelSpec = Field(description="The model that is served.")
    engine: EngineSpec = Field(description="The SGLang server that both pools run.")
    objectives: ObjectivesSpec = Field(
        description="Latency objectives. The operator buys as many workers as they need."
    )
    parallelism: Parallelism = Field(
        default=Parallelism.MANUAL,
        description="Who chooses how many GPUs a worker has. Manual: tensorParallelSize of each "
        "pool says so. Auto: the operator chooses one size for both pools, once, before it creates "
        "them: by engine.profile, the objectives and expectedLoad. AutoPerRole: the same with a "
        "size for each pool, which often takes fewer GPUs; only for models whose KV cache SGLang "
        "hands over between sizes (multi-head latent attention, such as DeepSeek's): others have "
        "crashed under load. What was chosen is in status.parallelism and stays so, whatever "
        "changes: a running service is never given workers of another size.",
    )
    expected_load: ExpectedLoad | None = Field(
        default=None,
        description="The load that sizes are chosen for by parallelism Auto. Read once, when the "
        "service is created; the number of workers follows the load that comes.",
    )
    prefill: PoolSpec = Field(description="The pool of prefill workers.")
    decode: PoolSpec = Field(description="The pool of decode workers.")
    router: RouterSpec = Field(
        default=RouterSpec(), description="SGLang's router in front of both pools."
    )
    autoscaling: AutoscalingSpec = Field(
        default=AutoscalingSpec(),
        description="When and within which limits the operator changes the pools.",
    )
    metrics: MetricsSpec = Field(
        default=MetricsSpec(), description="Where the service's metrics are read."
    )

    def pool(self, role: Role) -> PoolSpec:
        """The pool of a role."""
        return self.prefill if role is Role.PREFILL else self.decode

    @property
    def scale_targets(self) -> dict[Role, ScaleTargetRef] | None:
        """The workloads of other hands that are the pools; None where the operator makes them."""
        targets = {role: self.pool(role).scale_target_ref for role in Role}
        given = {role: target for role, target in targets.items() if target is not None}
        return given or None

    def with_tensor_parallel(self, prefill: int, decode: int) -> Self:
        """The spec with these tensor-parallel sizes, which `parallelism: Auto` has chosen.

        `ValueError` where they do not fit the rest, as a GPU budget that was lowered later.
        """
        pools = {
            role.value: self.pool(role).model_copy(update={"tensor_parallel_size": size})
            for role, size in ((Role.PREFILL, prefill), (Role.DECODE, decode))
        }
        chosen = self.model_copy(update=pools)
        chosen.check_budget()
        chosen.check_templates()
        return chosen

    def check_budget(self) -> None:
        """`ValueError` where the GPU budget does not cover the fewest workers of both pools."""
        budget = self.autoscaling.gpu_budget
        minimum = self.prefill.minimum_gpus + self.decode.minimum_gpus
        if budget is not None and budget < minimum:
            raise ValueError(
                f"autoscaling.gpuBudget ({budget}) must cover minReplicas * tensorParallelSize "
                f"of both pools ({minimum})"
            )

    @model_validator(mode="after")
    def _budget_covers_minimum(self) -> Self:
        self.check_budget()
        return self

    @model_validator(mode="after")
    def _auto_knows_the_engine_and_has_the_choice(self) -> Self:
        if self.parallelism is Parallelism.MANUAL:
            return self
        if self.engine.profile is None:
            raise ValueError(_NEEDS_PROFILE)
        if any(self.pool(role).tensor_parallel_size != 1 for role in Role):
            raise ValueError(_CHOOSES_SIZES)
        return self

    @model_validator(mode="after")
    def _targets_are_left_as_they_are(self) -> Self:
        if fault := attachment_fault(self):
            raise ValueError(fault)
        return self

    def check_templates(self) -> None:
        """`ValueError` where a pool's template has other GPUs or arguments than the spec."""
        if fault := template_fault(self):
            raise ValueError(fault)

    @model_validator(mode="after")
    def _workers_are_as_they_are_counted(self) -> Self:
        if fault := arguments_fault(self):
            raise ValueError(fault)
        if self.parallelism is Parallelism.MANUAL:
            self.check_templates()
        return self

    @model_validator(mode="after")
    def _schedules_stay_within_the_pools(self) -> Self:
        for schedule in self.autoscaling.schedules:
            for role in Role:
                asked, most = schedule.min_replicas(role), self.pool(role).max_replicas
                if asked > most:
                    raise ValueError(
                        f"autoscaling.schedules: {schedule.name!r} asks for at least {asked} "
                        f"{role} workers and {role}.maxReplicas is {most}"
                    )
        names = [schedule.name for schedule in self.autoscaling.schedules]
        if len(names) != len(set(names)):
            raise ValueError(f"autoscaling.schedules: names must differ, found {names}")
        return self

    @model_validator(mode="after")
    def _bins_hold_two_scrapes(self) -> Self:
        scrape = self.metrics.scrape_interval_seconds
        if self.autoscaling.forecast.resolution_seconds < 2 * scrape:
            raise ValueError(
                "autoscaling.forecast.resolutionSeconds must be at least two "
                f"metrics.scrapeIntervalSeconds ({2 * scrape})"
            )
        return self
