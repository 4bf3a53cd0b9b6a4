"""How the present load is measured: over which time, and from how many requests."""

from pd_operator.demand.lengths import LengthDistribution

SHORTEST_WINDOW_SECONDS = 30.0
"""What is needed now is asked of no shorter time, else the chance of arrivals decides."""

ENOUGH_REQUESTS = 30
"""Fewer say little about lengths: what came before them is then asked for as well."""

NO_LENGTH_SEEN = LengthDistribution.constant(1.0)
"""Stands for lengths where no request has come for long: times a rate of zero it is zero."""


def present_window_seconds(bin_seconds: float) -> float:
    """The time over which the present load is taken, for a history in bins of `bin_seconds`."""
    return max(float(bin_seconds), SHORTEST_WINDOW_SECONDS)


STALE_AFTER_SCRAPES = 4
"""Older than this many scrape intervals, a sample no longer tells of now."""

SECONDS_OF_GRACE = 2.0
"""A scrape takes time, and clocks differ a little."""


def stale_after_seconds(scrape_interval_seconds: float) -> float:
    """The age from which on a sample no longer tells of now."""
    return STALE_AFTER_SCRAPES * scrape_interval_seconds + SECONDS_OF_GRACE
