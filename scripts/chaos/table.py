"""The faults and what they cost, as a table."""

from collections.abc import Iterable

from rich.table import Table
from scripts.chaos.costs import Costs
from scripts.chaos.play import Played


def table_of(rows: Iterable[tuple[Played, Costs]]) -> Table:
    """One line for each fault."""
    table = Table(title="faults under load")
    for column in ("fault", "lasted s", "recovered s", "cut", "within s", "lost", "scaled down"):
        table.add_column(column, justify="left" if column == "fault" else "right")
    for played, costs in rows:
        lasted = f"{played.mended - played.struck:.0f}" if played.fault.lasts else "at once"
        table.add_row(
            str(played.fault),
            lasted,
            f"{played.recovery_seconds:.1f}",
            str(costs.cut),
            f"{costs.cut_seconds:.1f}" if costs.cut else "",
            str(len(costs.lost)),
            str(len(played.scaled_down)),
        )
    return table
