"""Draws a dashboard: each panel where Grafana has it, by its own settings."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from scripts.dashboard_pictures.answers import Asker, Line
from scripts.dashboard_pictures.boards import Board, Panel
from scripts.dashboard_pictures.units import written

from pd_operator.demand import FloatArray

COLUMNS = 24
INCHES_PER_COLUMN, INCHES_PER_ROW = 0.82, 0.42
COLORS = {
    "orange": "#f2871f", "blue": "#3274d9", "green": "#299c46", "red": "#d44a3a",
    "purple": "#8f3bb8", "yellow": "#e0b400", "text": "#1f2328", "light-blue": "#5794f2",
}  # fmt: skip
"""Grafana's named colors, on light ground."""

CLASSIC = ("#56a64b", "#e0b400", "#3274d9", "#f2871f", "#d44a3a", "#8f3bb8", "#5794f2", "#b877d9")
"""The colors that series without one of their own get, in turn."""

EMPTY = "No data"


def draw(board: Board, asker: Asker, place: Path) -> list[str]:
    """Draw a dashboard into a PNG; returns the panels that had no data."""
    rows = max(panel.y + panel.height for panel in board.panels)
    figure = Figure(figsize=(COLUMNS * INCHES_PER_COLUMN, rows * INCHES_PER_ROW), facecolor="white")
    marks = [_times(asker.moments(mark)) for mark in board.marks]
    empty = []
    for panel in board.panels:
        axes = figure.add_axes(_place(panel, rows))
        axes.set_title(panel.title, loc="left", fontsize=10, fontweight="bold")
        if not _PAINTERS[panel.kind](axes, panel, asker):
            empty.append(panel.title)
            axes.text(0.5, 0.5, EMPTY, ha="center", va="center", transform=axes.transAxes)
        elif panel.kind == "timeseries":
            for moment in np.concatenate(marks) if marks else ():
                axes.axvline(moment, color=COLORS["light-blue"], lw=0.6, ls=":")
    figure.savefig(place, dpi=70)
    return empty


def _place(panel: Panel, rows: int) -> tuple[float, float, float, float]:
    """Left, bottom, width and height of a panel's axes, as shares of the picture."""
    left, right = panel.x + 1.1, panel.x + panel.width - 0.4
    top, bottom = panel.y + 0.9, panel.y + max(panel.height - 1.9, 1.0)
    return left / COLUMNS, 1 - bottom / rows, (right - left) / COLUMNS, (bottom - top) / rows


def _row(axes: Axes, _: Panel, __: Asker) -> bool:
    axes.set_axis_off()
    return True


def _graph(axes: Axes, panel: Panel, asker: Asker) -> bool:
    drawn = [
        (target.name_of(line.labels), line)
        for target in panel.targets
        for line in asker.lines(target)
        if not np.isnan(line.values).all()
    ]
    stack = np.zeros(len(drawn[0][1].seconds)) if drawn else np.zeros(0)
    for number, (name, line) in enumerate(drawn):
        look, color = panel.look(name), _color(panel.look(name), number)
        if look.get("custom.drawStyle") == "bars":
            _bars(axes, name, line, stack, color)
            if look.get("custom.stacking", {}).get("mode") == "normal":
                stack = stack + np.nan_to_num(line.values)
        else:
            _series(axes, name, line, look, color)
            _fill(axes, line, look, dict(drawn), color)
    _threshold_lines(axes, panel)
    _time_axis(axes, asker)
    _value_axis(axes, panel)
    if drawn:
        axes.legend(
            loc="upper left", bbox_to_anchor=(0, -0.12), ncols=6, frameon=False, fontsize=7.5
        )
    return bool(drawn)


def _bars(axes: Axes, name: str, line: Line, on: FloatArray, color: str) -> None:
    times = _times(line.seconds)
    width = times[1] - times[0]
    axes.bar(times, line.values, width=width, bottom=on, color=color, label=name)


def _series(axes: Axes, name: str, line: Line, look: Mapping[str, Any], color: str) -> None:
    times = _times(line.seconds)
    dashed = look.get("custom.lineStyle", {}).get("fill") == "dash"
    stepped = look.get("custom.lineInterpolation") == "stepAfter"
    axes.plot(
        times, line.values, color=color, label=name,
        lw=1.1 * look.get("custom.lineWidth", 1), ls="--" if dashed else "-",
        drawstyle="steps-post" if stepped else "default",
    )  # fmt: skip


def _fill(
    axes: Axes, line: Line, look: Mapping[str, Any], drawn: Mapping[str, Line], color: str
) -> None:
    below = drawn.get(look.get("custom.fillBelowTo", ""))
    if below is not None:
        opacity = look["custom.fillOpacity"] / 100
        axes.fill_between(
            _times(line.seconds), below.values, line.values, color=color, alpha=opacity, lw=0
        )


def _threshold_lines(axes: Axes, panel: Panel) -> None:
    if panel.look("").get("custom.thresholdsStyle", {}).get("mode") != "line":
        return
    for step in panel.defaults["thresholds"]["steps"]:
        if step["value"] is not None:
            axes.axhline(step["value"], color=COLORS[step["color"]], lw=0.8)


def _number(axes: Axes, panel: Panel, asker: Asker) -> bool:
    axes.set_axis_off()
    figures = [
        (target.name_of(labels), value)
        for target in panel.targets
        for labels, value in asker.values(target)
        if not np.isnan(value)
    ]
    for number, (name, value) in enumerate(figures):
        y = 1 - (number + 0.5) / len(figures)
        told = written(value, panel.defaults["unit"])
        axes.text(0.02, y, name, fontsize=10, va="center")
        axes.text(0.98, y, told, fontsize=19, va="center", ha="right", color=_step(panel, value))
    return bool(figures)


def _step(panel: Panel, value: float) -> str:
    """The color of the highest threshold that a value reaches."""
    steps = panel.defaults["thresholds"]["steps"]
    reached = [step for step in steps if step["value"] is None or value >= step["value"]]
    return COLORS[reached[-1]["color"]]


def _states(axes: Axes, panel: Panel, asker: Asker) -> bool:
    lines = [(t.name_of(line.labels), line) for t in panel.targets for line in asker.lines(t)]
    names = panel.defaults["mappings"][0]["options"]
    for number, (_, line) in enumerate(lines):
        times = _times(line.seconds)
        for value, state in names.items():
            at = np.isclose(line.values, float(value))
            ends = (number - 0.4, number + 0.4)
            axes.fill_between(times, *ends, where=at, color=COLORS[state["color"]], lw=0)
    axes.set_yticks(range(len(lines)), [name for name, _ in lines], fontsize=7.5)
    axes.invert_yaxis()
    _time_axis(axes, asker)
    return bool(lines)


def _table(axes: Axes, panel: Panel, asker: Asker) -> bool:
    """Merged by labels, as Grafana's transformation does."""
    axes.set_axis_off()
    cells: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
    names = [panel.renamed[f"Value #{target.letter}"] for target in panel.targets]
    for name, target in zip(names, panel.targets, strict=True):
        for of, value in asker.values(target):
            told = written(value, panel.look(name)["unit"])
            cells.setdefault(tuple(sorted(of.items())), {})[name] = told
    labels = sorted({label for row in cells for label, _ in row})
    rows = [
        [*(dict(row).get(label, "") for label in labels), *(values.get(name, "") for name in names)]
        for row, values in cells.items()
    ]
    if rows:
        drawn = axes.table(rows, colLabels=[*labels, *names], loc="upper left", cellLoc="left")
        drawn.auto_set_font_size(value=False)
        drawn.set_fontsize(9)
    return bool(rows)


def _color(look: Mapping[str, Any], number: int) -> str:
    fixed = look.get("color", {}).get("fixedColor")
    return COLORS[fixed] if fixed else CLASSIC[number % len(CLASSIC)]


def _time_axis(axes: Axes, asker: Asker) -> None:
    locator = AutoDateLocator(minticks=3, maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    axes.set_xlim(*_times(np.array([asker.span.begin, asker.span.end])))
    axes.tick_params(labelsize=7.5, length=0)
    axes.grid(color="#e2e8f0", lw=0.6)


def _value_axis(axes: Axes, panel: Panel) -> None:
    """A soft minimum holds unless a line is below it; a maximum always."""
    look = panel.look("")
    low, high = axes.dataLim.intervaly
    low = min(low, look.get("custom.axisSoftMin", low))
    if np.isfinite([low, high]).all():
        axes.set_ylim(low, look.get("max", high + 0.06 * ((high - low) or 1.0)))
    if look.get("decimals") == 0:
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: written(value, look["unit"])))
    axes.set_ylabel(look.get("custom.axisLabel", ""), fontsize=7.5)


def _times(seconds: FloatArray) -> FloatArray:
    """Unix seconds as matplotlib counts time."""
    return np.array([date2num(datetime.fromtimestamp(each, UTC)) for each in seconds])


_PAINTERS: dict[str, Callable[[Axes, Panel, Asker], bool]] = {
    "row": _row,
    "timeseries": _graph,
    "stat": _number,
    "state-timeline": _states,
    "table": _table,
}
