"""Small drawings in text."""

import math
from collections.abc import Sequence
from itertools import pairwise

from rich.text import Text

from pd_e2e.demo.display.state import PoolView

BAR_WORKERS = 12
SPARKS = "▁▂▃▄▅▆▇█"


def worker_bar(pool: PoolView, look: str) -> Text:
    """A block per worker: full if ready, shaded if wanted but not ready, a dot if neither.

    Ready workers beyond the wanted ones are leaving and are shown half.
    """
    workers = pool.workers
    staying = min(workers.ready, workers.desired)
    starting = max(workers.desired - workers.ready, 0)
    leaving = max(workers.ready - workers.desired, 0)
    rest = max(min(pool.most, BAR_WORKERS) - staying - starting - leaving, 0)
    return Text.assemble(
        ("■ " * staying, look),
        ("▨ " * starting, look),
        ("◧ " * leaving, f"dim {look}"),
        ("· " * rest, "dim"),
    )


def sparkline(values: Sequence[float], width: int) -> str:
    """The values as blocks from zero to their maximum, squeezed into at most `width` of them."""
    if not values:
        return ""
    edges = [round(i * len(values) / width) for i in range(width + 1)]
    groups = [values[a:b] for a, b in pairwise(edges) if b > a]
    means = [sum(group) / len(group) for group in groups]
    top = max(means) or 1.0
    return "".join(SPARKS[round(mean / top * (len(SPARKS) - 1))] for mean in means)


def minutes(seconds: float) -> str:
    """A time span such as '2:05'."""
    whole = max(0, math.ceil(seconds))
    return f"{whole // 60}:{whole % 60:02d}"
