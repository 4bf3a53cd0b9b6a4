"""What the operator reports: the `status` of a PDInferenceService.

Everything here can be rebuilt from the cluster and Prometheus, except `memory`, which lets a
restarted operator go on with its stabilization windows, `calibration`, which took minutes of
load to learn, `parallelism`, which is chosen once, and `history`. Integers only: rates and shares
are in thousandths.
"""

from typing import Any

from pydantic import ConfigDict, Field

from pd_operator.api.base import ApiModel, list_type
from pd_operator.api.conditions import Condition, Timestamp
from pd_operator.api.roles import Role

HISTORY_LENGTH = 20
"""So many changes are kept in the status: those of a busy day, in less than a tenth of what the
memory beside them may take. Older ones are in the operator's log and in Prometheus.
"""


class StatusModel(ApiModel):
    """A piece of status: fields that a newer operator wrote are passed over, not refused."""

    model_config = ConfigDict(extra="ignore")


class PoolStatus(StatusModel):
    """Workers of one role, counted."""

    current: int = Field(
        ge=0,
        description="Workers of this role that are asked for: the Deployment's replicas, without "
        "those lent to the other pool and with those borrowed from it.",
    )
    desired: int = Field(
        ge=0, description="Workers the last decision wants. Differs from current in Advisory."
    )
    ready: int = Field(ge=0, description="Workers that are ready and get traffic.")
    starting: int = Field(ge=0, description="Workers that are not ready yet.")
    draining: int = Field(ge=0, description="Workers that get no new requests and will leave.")
    flipped: int = Field(
        default=0,
        ge=0,
        description="Workers borrowed from the other pool: members of its Deployment that have "
        "this role, or are about to take it.",
    )


class DemandStatus(StatusModel):
    """The load that was offered in the last window."""

    milli_requests_per_second: int = Field(ge=0, description="Requests per second, in thousandths.")
    prompt_tokens_per_second: int = Field(
        ge=0, description="Prompt tokens per second that are not in the prefix cache."
    )
    output_tokens_per_second: int = Field(ge=0, description="Generated tokens per second.")
    mean_prompt_tokens: int = Field(ge=0, description="Uncached prompt tokens per request.")
    mean_output_tokens: int = Field(ge=0, description="Generated tokens per request.")


class PoolForecastStatus(StatusModel):
    """The load expected when a worker ordered now would be ready."""

    horizon_seconds: int = Field(ge=0, description="How far ahead: start-up time plus one tick.")
    quantile_percent: int = Field(description="Quantile that the pool is sized for.")
    milli_requests_per_second: int = Field(
        ge=0, description="Requests per second at that quantile, in thousandths."
    )
    median_milli_requests_per_second: int = Field(
        ge=0, description="Expected requests per second, in thousandths."
    )
    tokens_per_second: int = Field(
        ge=0,
        description="Tokens per second at that quantile: prompt for prefill, output for decode.",
    )
    coverage_per_mille: int | None = Field(
        default=None,
        ge=0,
        le=1000,
        description="Thousandths of the loads that came which were at or below that quantile of "
        "their forecast; ten times quantilePercent where the quantile means what it says. Absent "
        "before enough forecasts came due.",
    )
    found_season_seconds: int | None = Field(
        default=None,
        ge=0,
        description="Period of the rhythm that this pool's load showed and that its forecast "
        "follows. Absent while there is none, or where seasonSeconds says which counts.",
    )


class ForecastStatus(StatusModel):
    """The look ahead, for each pool at its own start-up time."""

    model: str = Field(max_length=64, description="Forecaster in use.")
    error_per_mille_of_last_value: int | None = Field(
        default=None,
        ge=0,
        description="Its past error as thousandths of the last value's; below 1000 it is better.",
    )
    schedules: tuple[str, ...] = Field(
        default=(),
        max_length=16,
        description="Names of the schedules that are in force, or will be within a lead time.",
        json_schema_extra=list_type("atomic"),
    )
    prefill: PoolForecastStatus = Field(description="What the prefill pool is bought for.")
    decode: PoolForecastStatus = Field(description="What the decode pool is bought for.")


class AttainmentStatus(StatusModel):
    """Share of requests within the objectives, in thousandths, over the last window."""

    ttft_per_mille: int = Field(ge=0, le=1000, description="Requests within the TTFT limit.")
    tpot_per_mille: int = Field(ge=0, le=1000, description="Requests within the TPOT limit.")
    joint_low_per_mille: int = Field(
        ge=0, le=1000, description="Least share that can have met both limits."
    )
    joint_high_per_mille: int = Field(
        ge=0, le=1000, description="Largest share that can have met both limits."
    )
    requests: int = Field(ge=0, description="Requests the shares are taken over.")


class LinkStatus(StatusModel):
    """What one link of the decision chain made of the pools."""

    name: str = Field(max_length=64, description="Name of the link.")
    prefill: int = Field(ge=0, description="Prefill workers after it.")
    decode: int = Field(ge=0, description="Decode workers after it.")
    sentence: str = Field(max_length=1024, description="What it did and why.")


class DecisionStatus(StatusModel):
    """The last decision, link by link; `kubectl pd explain` prints it."""

    time: Timestamp = Field(description="When it was made, or made again with other figures.")
    reason: str = Field(max_length=128, description="What limited or moved it, in one word.")
    message: str = Field(max_length=2048, description="The decision in one sentence.")
    links: tuple[LinkStatus, ...] = Field(
        default=(),
        max_length=32,
        description="The chain from the plan to the numbers carried out, in order.",
        json_schema_extra=list_type("atomic"),
    )


class PoolChangeStatus(StatusModel):
    """A decision that wanted another number of workers of one pool than the one before."""

    time: Timestamp = Field(description="When it was decided.")
    role: Role = Field(description="The pool.")
    before: int = Field(ge=0, description="Workers wanted until then.")
    after: int = Field(ge=0, description="Workers wanted since.")
    reason: str = Field(max_length=128, description="Why, in one word.")
    message: str = Field(max_length=1024, description="Why, in one sentence.")
    decision: str = Field(
        max_length=32, description="The decision's id, as the operator's log and Events have it."
    )
    advised: bool = Field(
        default=False, description="Whether it was only advised, in mode Advisory."
    )


class RecommendationStatus(StatusModel):
    """Pool sizes that were wanted at a moment, before stabilization."""

    time_seconds: int = Field(description="Unix time in seconds.")
    prefill: int = Field(ge=0, description="Prefill workers wanted.")
    decode: int = Field(ge=0, description="Decode workers wanted.")


class ChangeStatus(StatusModel):
    """A change of a pool that was carried out; rate limits count these."""

    time_seconds: int = Field(description="Unix time in seconds.")
    role: Role = Field(description="The pool.")
    delta: int = Field(description="Workers added, or removed if negative.")


class FlipStatus(StatusModel):
    """A worker that began to take the other role; the budget of flips counts these."""

    time_seconds: int = Field(description="Unix time in seconds.")
    role: Role = Field(description="The role it takes.")


class MemoryStatus(StatusModel):
    """What stabilization windows and rate limits must remember over a restart."""

    recommendations: tuple[RecommendationStatus, ...] = Field(
        default=(),
        max_length=4096,
        description="Recommendations within the stabilization windows, oldest first.",
        json_schema_extra=list_type("atomic"),
    )
    changes: tuple[ChangeStatus, ...] = Field(
        default=(),
        max_length=4096,
        description="Changes within the policies' periods, oldest first.",
        json_schema_extra=list_type("atomic"),
    )
    flips: tuple[FlipStatus, ...] = Field(
        default=(),
        max_length=256,
        description="Changes of role within the last hour, oldest first.",
        json_schema_extra=list_type("atomic"),
    )


class RegionCalibrationStatus(StatusModel):
    """How far an engine is off its profile in one region of load."""

    name: str = Field(
        max_length=32,
        description="Region: by tokens of a prompt for prefill, by sequences in the batch for "
        "decode.",
    )
    ratio_per_mille: int = Field(
        ge=1,
        description="Median of measured over expected time, in thousandths: 1300 is 30 % slower "
        "than the profile. Plans use it between 500 and 2000.",
    )
    samples: int = Field(
        ge=1, description="Measurements behind the median; of fewer than 5, none is acted on."
    )
    newest_seconds: int = Field(description="Unix time of the newest of them, in seconds.")


class RoleCalibrationStatus(StatusModel):
    """What was learned of one role's engines."""

    version: str = Field(
        max_length=64,
        description="Engine and profile that this holds for; another one starts anew.",
    )
    kv_tokens: int | None = Field(
        default=None, ge=1, description="KV-cache capacity of one worker, as the engines report."
    )
    regions: tuple[RegionCalibrationStatus, ...] = Field(
        default=(),
        max_length=32,
        description="The regions that were measured, by ascending load.",
        json_schema_extra=list_type("atomic"),
    )


class CalibrationStatus(StatusModel):
    """How the engines really perform, learned from their own counters."""

    prefill: RoleCalibrationStatus | None = Field(default=None, description="Prefill workers.")
    decode: RoleCalibrationStatus | None = Field(default=None, description="Decode workers.")

    def of(self, role: Role) -> RoleCalibrationStatus | None:
        """What was learned of one role."""
        return self.prefill if role is Role.PREFILL else self.decode

    def plain(self) -> dict[str, object]:
        """Plain data, as `performance.calibration_status` reads it."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class ParallelismStatus(StatusModel):
    """The sizes that `parallelism: Auto` stands for. Chosen once, kept ever after."""

    prefill_tensor_parallel_size: int = Field(
        ge=1, le=64, description="GPUs of one prefill worker."
    )
    decode_tensor_parallel_size: int = Field(ge=1, le=64, description="GPUs of one decode worker.")
    time: Timestamp = Field(description="When they were chosen.")
    message: str = Field(max_length=1024, description="Why these.")


class ManagerStatus(StatusModel):
    """The operator that runs a service."""

    operator: str = Field(
        max_length=512, description="Namespace and name of the operator's installation."
    )
    renew_time: Timestamp = Field(description="When it last said so.")


class DisplayStatus(StatusModel):
    """What `kubectl get` prints, put in words from the fields beside it. Not for programs."""

    prefill: str = Field(max_length=32, description="Prefill workers ready/wanted.")
    decode: str = Field(max_length=32, description="Decode workers ready/wanted.")
    forecast: str = Field(max_length=32, description="Requests per second the pools are for.")
    attainment: str = Field(max_length=32, description="Percent within the TTFT and TPOT limits.")
    reason: str = Field(
        default="-",
        max_length=1024,
        description="Reason of the first condition that is not as it should be; where all are, of "
        "the last decision.",
    )


class PDInferenceServiceStatus(StatusModel):
    """The last thing the operator saw and decided."""

    observed_generation: int | None = Field(
        default=None, description="metadata.generation of the spec this status is about."
    )
    managed_by: ManagerStatus | None = Field(
        default=None,
        description="The operator that runs this service; another that watches it stands still, "
        "and takes over when this has not been renewed for three times two minutes, or three "
        "periods where those are longer.",
    )
    prefill: PoolStatus | None = Field(default=None, description="The prefill pool.")
    decode: PoolStatus | None = Field(default=None, description="The decode pool.")
    ratio: str | None = Field(
        default=None, max_length=32, description="Wanted prefill to decode workers, as 3:2."
    )
    demand: DemandStatus | None = Field(
        default=None, description="The load now. Absent while it is unknown."
    )
    forecast: ForecastStatus | None = Field(
        default=None, description="The load to come. Absent while there is no forecast."
    )
    attainment: AttainmentStatus | None = Field(
        default=None, description="How the objectives are met. Absent while unknown."
    )
    last_decision: DecisionStatus | None = Field(
        default=None, description="The last decision and how it came about."
    )
    url: str | None = Field(
        default=None,
        max_length=256,
        description="Where clients in the cluster send requests: the routers' Service.",
    )
    history: tuple[PoolChangeStatus, ...] = Field(
        default=(),
        max_length=HISTORY_LENGTH,
        description="The last changes of the wanted workers, oldest first; `kubectl pd history` "
        "prints them.",
        json_schema_extra=list_type("atomic"),
    )
    memory: MemoryStatus | None = Field(
        default=None, description="The operator's own notes, needed after a restart."
    )
    calibration: CalibrationStatus | None = Field(
        default=None,
        description="How far engines are off their profile. Plans are corrected by it.",
    )
    parallelism: ParallelismStatus | None = Field(
        default=None,
        description="What parallelism Auto chose. Absent with Manual, and until it could choose.",
    )
    display: DisplayStatus | None = Field(
        default=None, description="Columns of kubectl get. Programs read the other fields."
    )
    conditions: tuple[Condition, ...] = Field(
        default=(),
        max_length=32,
        description="Ready sums up; MetricsAvailable, ForecastTrusted, SLOMet, SLOFeasible, "
        "CapacityAvailable and Scaling say why.",
        json_schema_extra=list_type("map", "type"),
    )

    def manifest(self) -> dict[str, Any]:
        """The status as it is applied: camelCase, times in RFC 3339, no nulls.

        Without `managedBy`, which is written apart, by who claims the service.
        """
        left_out = {"managed_by"}
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=left_out)
