"""What one row of a file of loads is."""

from enum import StrEnum


class Rows(StrEnum):
    """What a row of a file is."""

    AUTO = "auto"
    BINS = "bins"
    REQUESTS = "requests"
