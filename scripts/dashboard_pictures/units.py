"""Numbers as Grafana writes them, in the units that our dashboards name."""

from collections.abc import Callable


def written(value: float, unit: str) -> str:
    """A number with its unit; raises KeyError for a unit that no dashboard of ours has."""
    return _WRITERS[unit](value)


def _percent(value: float) -> str:
    return f"{100 * value:.4g}%"


def _seconds(value: float) -> str:
    if value and abs(value) < 1:
        return f"{1000 * value:.3g} ms"
    return f"{value:.3g} s" if abs(value) < 60 else f"{value / 60:.3g} min"


def _bytes(value: float) -> str:
    for name, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if abs(value) >= size:
            return f"{value / size:.3g} {name}"
    return f"{value:g} B"


_WRITERS: dict[str, Callable[[float], str]] = {
    "percentunit": _percent,
    "reqps": lambda value: f"{value:.3g} req/s",
    "ops": lambda value: f"{value:.3g} ops/s",
    "s": _seconds,
    "bytes": _bytes,
    "none": lambda value: f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}",
}
