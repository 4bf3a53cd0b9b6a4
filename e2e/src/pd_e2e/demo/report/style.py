"""How the plots look: one palette, one typeface, little ink."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from pd_e2e.demo.run import Run
from pd_operator.api.roles import Role

INK = "#0f172a"
MUTED = "#64748b"
GRID = "#e2e8f0"
PREFILL = "#2563eb"
DECODE = "#ea580c"
LOAD = "#94a3b8"
GOAL = "#dc2626"
PERFECT = "#0f172a"

ROLE_COLOURS = {Role.PREFILL: PREFILL, Role.DECODE: DECODE}

_SETTINGS = {
    "font.family": ["sans-serif"],
    "font.size": 10.5,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GRID,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.major.pad": 7,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "lines.linewidth": 1.7,
    "svg.hashsalt": "pd-operator",
}


@contextmanager
def style(*, text_as_paths: bool) -> Iterator[None]:
    """Draw in our style; text as paths looks alike everywhere, text as text is smaller."""
    fonts = {"svg.fonttype": "path" if text_as_paths else "none"}
    with matplotlib.style.context({**_SETTINGS, **fonts}):
        yield


def svg(figure: Figure) -> str:
    """The figure as an `<svg>` element without date, so that the same run gives the same text."""
    buffer = StringIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def day_axis(axes: Axes, run: Run, *, labelled: bool = True) -> None:
    """Make the x-axis the replayed day: a mark every two hours."""
    two_hours = 2 * 3600 / run.load.speed
    axes.set_xlim(0, run.duration_seconds)
    axes.set_xticks([n * two_hours for n in range(int(run.duration_seconds / two_hours) + 1)])
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda seconds, _: run.load.clock(seconds).rpartition(" ")[2])
    )
    axes.tick_params(labelbottom=labelled)


def title(axes: Axes, text: str) -> None:
    """A title at the left, where reading begins."""
    axes.set_title(text, loc="left", fontsize=11, fontweight="bold", pad=8)


def legend(axes: Axes, columns: int = 4) -> None:
    """A legend in one row above the plot, at the right of its title."""
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.99), ncols=columns, borderaxespad=0.0)
