"""Times as the API writes them."""

from datetime import UTC, datetime


def now() -> str:
    """Return the present in RFC 3339, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def now_micro() -> str:
    """Return the present in RFC 3339, to the microsecond, as Leases want it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
