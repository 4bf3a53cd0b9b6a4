"""Small drawings in text."""

import math


def minutes(seconds: float) -> str:
    """A time span such as '2:05'."""
    whole = max(0, math.ceil(seconds))
    return f"{whole // 60}:{whole % 60:02d}"
