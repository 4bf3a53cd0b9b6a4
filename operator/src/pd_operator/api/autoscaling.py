"""How the operator may change the pools: `spec.autoscaling`."""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from pd_operator.api.base import ApiModel, cel_rules, list_type
from pd_operator.api.schedules import ScheduleSpec


class Mode(StrEnum):
    """What the operator does with its decisions."""

    ACTIVE = "Active"
    ADVISORY = "Advisory"
    PAUSED = "Paused"


class ForecastModel(StrEnum):
    """Which forecaster looks ahead."""

    HEDGE = "Hedge"
    EWMA = "Ewma"
    DAMPED_TREND = "DampedTrend"
    SARIMAX = "Sarimax"
    UNOBSERVED_COMPONENTS = "UnobservedComponents"
    HARMONIC_REGRESSION = "HarmonicRegression"
    LAST_VALUE = "LastValue"


class PlanningMethod(StrEnum):
    """How pool sizes are reckoned from a load."""

    QUEUEING = "Queueing"
    DOPD = "Dopd"
    DOPD_AS_PUBLISHED = "DopdAsPublished"
    SLO_AWARE = "SloAware"
    SLO_AWARE_AS_PUBLISHED = "SloAwareAsPublished"


class PolicyType(StrEnum):
    """Unit of a scaling policy's value."""

    PODS = "Pods"
    PERCENT = "Percent"


class SelectPolicy(StrEnum):
    """Which of several scaling policies counts."""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


class RoleFlips(StrEnum):
    """Whether a worker may take the other pool's role while it runs."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"


class ForecastSpec(ApiModel):
    """What the forecast is made from and how cautious it is."""

    model_config = cel_rules(
        {
            "rule": "!has(self.seasonSeconds) || self.seasonSeconds == 0 || "
            "(self.seasonSeconds % self.resolutionSeconds == 0 && "
            "self.seasonSeconds >= 2 * self.resolutionSeconds)",
            "message": "seasonSeconds must be a whole number of resolutionSeconds, at least two",
            "fieldPath": ".seasonSeconds",
        }
    )

    model: ForecastModel = Field(
        default=ForecastModel.HEDGE,
        description="Forecaster of the request rate and of the tokens per second of prompts and "
        "answers. Hedge: moving averages, the change on earlier days, an ARIMA, a season found in "
        "the load and regressions, each weighted by its recent errors at the lead time. Ewma: a "
        "moving average. DampedTrend: exponential smoothing with a damped trend. Sarimax, "
        "UnobservedComponents, HarmonicRegression: the classical models of those names. "
        "LastValue: the load of now is taken for the load to come, which makes the operator purely "
        "reactive. Any other model speaks only while it beats LastValue on this service's own "
        "history.",
    )
    quantile_percent: int = Field(
        default=70,
        ge=50,
        le=99,
        description="Percent of the possible futures that the pools are sized for, 50 to 99. "
        "Higher means more head-room and more GPUs; 50 sizes for the expected load. Queues have "
        "head-room of their own: a plan spends a fifth of what the objectives allow to be late.",
    )
    history_days: int = Field(
        default=7,
        ge=1,
        le=30,
        description="Days of history read from Prometheus to fit the forecaster. Prometheus must "
        "keep at least as much; less is used when less is there.",
    )
    resolution_seconds: int = Field(
        default=30,
        ge=5,
        le=3600,
        description="Length of one bin of that history in seconds. Shorter bins see a ramp sooner "
        "and are noisier. Must be at least two scrape intervals, else a bin holds no rate.",
    )
    season_seconds: int | None = Field(
        default=None,
        ge=0,
        le=2_678_400,
        description="Length of the load's rhythm in seconds. Absent: a day, and a shorter one "
        "where this service's own history shows it. What the load did at the same time of earlier "
        "rhythms enters the forecast as a change, with a weight that this history gives it. 0: no "
        "rhythm. A whole number of resolutionSeconds, at least two.",
    )
    lead_margin_seconds: int = Field(
        default=0,
        ge=0,
        le=3600,
        description="Seconds by which a new worker should be ready before the load that needs it. "
        "The forecast looks so much further ahead than the worker's start-up takes.",
    )

    @model_validator(mode="after")
    def _season_is_whole_bins(self) -> Self:
        season, resolution = self.season_seconds or 0, self.resolution_seconds
        if season % resolution or 0 < season < 2 * resolution:
            raise ValueError(
                f"seasonSeconds must be a whole number of resolutionSeconds ({resolution}), at "
                "least two"
            )
        return self


class ScalingPolicy(ApiModel):
    """At most so many workers per period, in the words of HorizontalPodAutoscaler."""

    type: PolicyType = Field(
        description="Unit of value: Pods (workers) or Percent of the workers at the start of the "
        "period."
    )
    value: int = Field(
        ge=1, le=10000, description="Largest change within one period, in the unit of type."
    )
    period_seconds: int = Field(
        ge=1, le=1800, description="Length of the period in seconds over which changes add up."
    )


_POLICIES = "Rate limits, counted in changes already made within each policy's period."

_UP_POLICIES = (
    ScalingPolicy(type=PolicyType.PERCENT, value=100, period_seconds=15),
    ScalingPolicy(type=PolicyType.PODS, value=4, period_seconds=15),
)
_DOWN_POLICIES = (ScalingPolicy(type=PolicyType.PERCENT, value=100, period_seconds=15),)


class ScaleUpRules(ApiModel):
    """Brakes on adding workers. Defaults are HorizontalPodAutoscaler's."""

    stabilization_window_seconds: int = Field(
        default=0,
        ge=0,
        le=3600,
        description="Seconds to look back for the lowest recommendation before adding workers. "
        "0 adds at once, which is right as long as the forecast can be trusted.",
    )
    select_policy: SelectPolicy = Field(
        default=SelectPolicy.MAX,
        description="Which policy counts when several are given: Max allows the largest change, "
        "Min the smallest, Disabled forbids adding workers.",
    )
    policies: tuple[ScalingPolicy, ...] = Field(
        default=_UP_POLICIES,
        min_length=1,
        max_length=8,
        description=_POLICIES,
        json_schema_extra=list_type("atomic"),
    )


class ScaleDownRules(ApiModel):
    """Brakes on removing workers. But for the window, defaults are HorizontalPodAutoscaler's."""

    stabilization_window_seconds: int | None = Field(
        default=None,
        ge=0,
        le=3600,
        description="Seconds to look back for the highest recommendation before removing workers. "
        "Longer keeps workers through short lulls, and pays for them. Left out, the operator "
        "chooses: a pool's own lead time, so that a worker goes when the forecast has not needed "
        "it for as long as another would take to come, and longer after a load that no forecast "
        "foresaw.",
    )
    select_policy: SelectPolicy = Field(
        default=SelectPolicy.MAX,
        description="Which policy counts when several are given: Max allows the largest change, "
        "Min the smallest, Disabled forbids removing workers.",
    )
    policies: tuple[ScalingPolicy, ...] = Field(
        default=_DOWN_POLICIES,
        min_length=1,
        max_length=8,
        description=_POLICIES,
        json_schema_extra=list_type("atomic"),
    )


class Behavior(ApiModel):
    """How fast pools may grow and shrink; words and meaning of HorizontalPodAutoscaler."""

    scale_up: ScaleUpRules = Field(
        default=ScaleUpRules(), description="Brakes on adding workers, for each pool by itself."
    )
    scale_down: ScaleDownRules = Field(
        default=ScaleDownRules(), description="Brakes on removing workers, for each pool by itself."
    )


class AutoscalingSpec(ApiModel):
    """When and within which limits the operator changes the pools."""

    mode: Mode = Field(
        default=Mode.ACTIVE,
        description="Active: decisions are carried out. Advisory: decisions are made, shown in "
        "status, events and metrics, and not carried out. Paused: nothing is decided; the workers "
        "stay as they are.",
    )
    method: PlanningMethod = Field(
        default=PlanningMethod.QUEUEING,
        description="How pool sizes are reckoned from a load. Queueing: a queue before prefill "
        "by what the router knows, and the decode batch by Little's law; checked by simulation. "
        "The others are the literature's, for comparison: Dopd (arXiv 2511.20982) and SloAware "
        "(arXiv 2603.04716) with their faults put right; with AsPublished, faults and all, so "
        "that objectives may be missed.",
    )
    gpu_budget: int | None = Field(
        default=None,
        ge=2,
        le=100000,
        description="Most GPUs both pools may hold together (replicas times tensorParallelSize). "
        "Must cover minReplicas of both pools. Where it binds, the pair of pool sizes that serves "
        "most requests within the objectives is taken. Absent: only maxReplicas limits.",
    )
    role_flips: RoleFlips = Field(
        default=RoleFlips.DISABLED,
        description="Enabled: a pool that lacks workers now borrows one from the other pool where "
        "that one can spare it, within seconds instead of a start-up. The worker drains, takes the "
        "other role, and stays a member of its own Deployment. Needs SGLang 0.5.21 or newer, the "
        "transfer backend mooncake or mori, and the same tensorParallelSize in both pools; the "
        "operator passes the flags, which restarts the workers when this is changed.",
    )
    period_seconds: int = Field(
        default=15,
        ge=2,
        le=3600,
        description="Seconds between two decisions. Shorter reacts sooner and reads Prometheus and "
        "the engines more often.",
    )
    forecast: ForecastSpec = Field(
        default=ForecastSpec(), description="The look ahead that workers are bought for."
    )
    schedules: tuple[ScheduleSpec, ...] = Field(
        default=(),
        max_length=16,
        description="What history cannot know: a launch, a batch job, office hours of a new "
        "service. While a schedule is in force, and one lead time before, it raises or stretches "
        "the forecast.",
        json_schema_extra=list_type("map", "name"),
    )
    behavior: Behavior = Field(
        default=Behavior(),
        description="Stabilization windows and rate limits, as in HorizontalPodAutoscaler v2.",
    )
