"""What history cannot know: `spec.autoscaling.schedules`."""

from datetime import datetime
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import Field, StringConstraints, field_validator, model_validator

from pd_operator.api.base import ApiModel, cel_rules
from pd_operator.api.roles import Role

_EFFECTS = ("minRequestsPerSecond", "factorPercent", "minPrefillReplicas", "minDecodeReplicas")
_SAYS_SOMETHING = f"a schedule needs at least one of {', '.join(_EFFECTS)}"
_ANY_DAY = datetime(2024, 1, 1)


class ScheduleSpec(ApiModel):
    """A stretch of time that comes again and for which the forecast alone is not believed."""

    model_config = cel_rules(
        {
            "rule": " || ".join(f"has(self.{effect})" for effect in _EFFECTS),
            "message": _SAYS_SOMETHING,
        }
    )

    name: Annotated[
        str, StringConstraints(max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    ] = Field(description="Name of the schedule, for instance weekday-mornings; told in decisions.")
    cron: Annotated[str, StringConstraints(max_length=128, pattern=r"^\S+( +\S+){4}$")] = Field(
        description="When the stretch begins, in cron's five fields: minute, hour, day of month, "
        "month, day of week. '30 8 * * MON-FRI' is half past eight on working days. Workers are "
        "ordered earlier, so that they are ready by then."
    )
    duration_seconds: int = Field(
        ge=60,
        le=604_800,
        description="How long the stretch lasts, in seconds. Where it reaches past the next "
        "beginning, the two join.",
    )
    time_zone: Annotated[
        str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$")
    ] = Field(
        default="UTC",
        description="Time zone that cron's fields are in, for instance Europe/Berlin. A clock that "
        "is put forward or back moves the stretch as it moves people.",
    )
    min_requests_per_second: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="The load to expect at least, in requests per second, with the lengths that "
        "are forecast.",
    )
    factor_percent: int | None = Field(
        default=None,
        ge=10,
        le=1000,
        description="Percent of the forecast to expect instead of it: 150 is half as much again, "
        "50 is half. The largest counts where several schedules meet.",
    )
    min_prefill_replicas: int | None = Field(
        default=None, ge=1, le=10000, description="Prefill workers to have at least."
    )
    min_decode_replicas: int | None = Field(
        default=None, ge=1, le=10000, description="Decode workers to have at least."
    )

    def min_replicas(self, role: Role) -> int:
        """Workers of a pool to have at least; 0 where that is left to the forecast."""
        asked = self.min_prefill_replicas if role is Role.PREFILL else self.min_decode_replicas
        return asked or 0

    def meets(self, first_seconds: float, last_seconds: float) -> bool:
        """Whether a stretch and the time from first to last, Unix seconds, have a moment in common.

        A stretch includes the moment of its beginning and not that of its end.
        """
        ended = datetime.fromtimestamp(
            first_seconds - self.duration_seconds, ZoneInfo(self.time_zone)
        )
        beginning = next(CronSim(self.cron, ended), None)
        return beginning is not None and beginning.timestamp() <= last_seconds

    @field_validator("cron")
    @classmethod
    def _cron_names_a_time(cls, cron: str) -> str:
        try:
            if next(CronSim(cron, _ANY_DAY), None) is None:
                raise ValueError(f"{cron!r} names no time: no such day is in any calendar")
        except CronSimError as error:
            raise ValueError(
                f"{cron!r} is no cron expression ({error}); for instance '0 9 * * MON-FRI'"
            ) from error
        return cron

    @field_validator("time_zone")
    @classmethod
    def _time_zone_exists(cls, time_zone: str) -> str:
        try:
            ZoneInfo(time_zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(
                f"no time zone is called {time_zone!r}; for instance Europe/Berlin or UTC"
            ) from error
        return time_zone

    @model_validator(mode="after")
    def _has_an_effect(self) -> Self:
        effects = (
            self.min_requests_per_second,
            self.factor_percent,
            self.min_prefill_replicas,
            self.min_decode_replicas,
        )
        if all(effect is None for effect in effects):
            raise ValueError(_SAYS_SOMETHING)
        return self
