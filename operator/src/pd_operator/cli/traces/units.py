"""What a number in a column of times counts."""

from dataclasses import dataclass
from enum import StrEnum


class TimeUnit(StrEnum):
    """The unit of numbers in a column of times."""

    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    MICROSECONDS = "microseconds"
    NANOSECONDS = "nanoseconds"
    MINUTES = "minutes"
    HOURS = "hours"


PER_SECOND = {
    TimeUnit.SECONDS: 1.0,
    TimeUnit.MILLISECONDS: 1e3,
    TimeUnit.MICROSECONDS: 1e6,
    TimeUnit.NANOSECONDS: 1e9,
    TimeUnit.MINUTES: 1 / 60,
    TimeUnit.HOURS: 1 / 3600,
}

UNITS_OF_MOMENTS = (
    TimeUnit.SECONDS,
    TimeUnit.MILLISECONDS,
    TimeUnit.MICROSECONDS,
    TimeUnit.NANOSECONDS,
)
"""In which programs write a moment since 1970; minutes and hours are counted from elsewhere."""

ENDINGS = {
    "s": TimeUnit.SECONDS,
    "ms": TimeUnit.MILLISECONDS,
    "us": TimeUnit.MICROSECONDS,
    "ns": TimeUnit.NANOSECONDS,
    "min": TimeUnit.MINUTES,
    "h": TimeUnit.HOURS,
    **{unit.value: unit for unit in TimeUnit},
}
"""What a column's name ends in after its last underscore."""


@dataclass(frozen=True)
class TimeOptions:
    """What the user says of the times in a file; None is to be found in the file."""

    column: str | None = None
    unit: TimeUnit | None = None
