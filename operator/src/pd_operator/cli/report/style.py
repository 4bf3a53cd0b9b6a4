"""How the plots look: one palette, one typeface, little ink."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from pd_operator.demand import FloatArray

INK = "#0f172a"
MUTED = "#64748b"
GRID = "#e2e8f0"
ACTUAL = "#0f172a"
PREFILL = "#2563eb"
DECODE = "#ea580c"
LOAD = "#94a3b8"
GOAL = "#dc2626"
SERIES = ("#0d9488", PREFILL, DECODE, "#7c3aed", "#be185d", "#4d7c0f")
"""Colors of the series, in the order of the load: requests, prefill's blue, decode's orange."""

WIDTH_INCHES = 10.5
_SECONDS_PER_DAY = 86_400

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
    "path.simplify_threshold": 0.5,
}


@contextmanager
def style(*, text_as_paths: bool = False) -> Iterator[None]:
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


def color(number: int) -> str:
    """The color of the series of that number."""
    return SERIES[number % len(SERIES)]


def times(seconds: FloatArray) -> FloatArray:
    """Seconds as matplotlib counts time: in days."""
    days: FloatArray = seconds / _SECONDS_PER_DAY
    return days


def time_axis(axes: Axes, *, dated: bool, labeled: bool = True) -> None:
    """Make the x-axis the calendar in UTC, or days and hours from the file's own beginning."""
    locator = AutoDateLocator(minticks=4, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator) if dated else FuncFormatter(_since_beginning)
    axes.xaxis.set_major_formatter(formatter)
    axes.tick_params(labelbottom=labeled)
    axes.margins(x=0)


def title(axes: Axes, text: str) -> None:
    """A title at the left, where reading begins."""
    axes.set_title(text, loc="left", fontsize=11, fontweight="bold", pad=8)


def legend(axes: Axes, columns: int = 4) -> None:
    """A legend in one row above the plot, at the right of its title."""
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.99), ncols=columns, borderaxespad=0.0)


def thousands(axes: Axes) -> None:
    """Large loads with k and M."""
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))


def _since_beginning(days: float, _: int) -> str:
    minutes = round(days * 1440)
    return f"day {1 + minutes // 1440}\n{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def _short(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
