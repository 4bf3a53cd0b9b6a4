"""Small drawings in text."""

from collections.abc import Sequence
from itertools import pairwise

from rich.table import Table
from rich.text import Text

from pd_operator.cli.top.view import PoolView

BAR_WORKERS = 12
SPARKS = "▁▂▃▄▅▆▇█"


def fields() -> Table:
    """A table of names and what there is to say of each."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", width=16)
    table.add_column()
    return table


def worker_bar(pool: PoolView, look: str) -> Text:
    """A block per worker: full if ready, shaded if wanted but not ready, a dot if neither.

    Ready workers beyond the wanted ones are leaving and are shown half.
    """
    staying = min(pool.ready, pool.desired)
    starting = max(pool.desired - pool.ready, 0)
    leaving = max(pool.ready - pool.desired, 0)
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


def rate(requests_per_second: float) -> str:
    """A rate with as many digits as say something."""
    return f"{requests_per_second:.{0 if requests_per_second >= 10 else 1}f}"
