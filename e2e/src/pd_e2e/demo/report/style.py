"""What the demo's plots have of their own: colors by role, and the replayed day as x-axis."""

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from pd_e2e.demo.run import Run
from pd_operator.api.roles import Role
from pd_operator.cli.report.style import DECODE, PREFILL

PERFECT = "#0f172a"

ROLE_COLORS = {Role.PREFILL: PREFILL, Role.DECODE: DECODE}


def day_axis(axes: Axes, run: Run, *, labeled: bool = True) -> None:
    """Make the x-axis the replayed day: a mark every two hours."""
    two_hours = 2 * 3600 / run.load.speed
    axes.set_xlim(0, run.duration_seconds)
    axes.set_xticks([n * two_hours for n in range(int(run.duration_seconds / two_hours) + 1)])
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda seconds, _: run.load.clock(seconds).rpartition(" ")[2])
    )
    axes.tick_params(labelbottom=labeled)
