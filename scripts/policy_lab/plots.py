"""The picture: share within the objectives over GPU hours, one small plot for each scenario."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scripts.policy_lab.contestants import BEST_FIXED, CLAIRVOYANT, OPERATOR
from scripts.policy_lab.table import Results
from scripts.policy_lab.trial import Setting

from pd_operator.cli.report.style import DECODE, GOAL, MUTED, PREFILL, style, svg, title

_COLUMNS = 3
_MARKS = {OPERATOR: ("o", PREFILL), BEST_FIXED: ("s", DECODE), CLAIRVOYANT: ("D", GOAL)}


def write_fronts(
    results: Results, settings: Sequence[Setting], policies: Sequence[str], path: Path
) -> None:
    """All contestants of all settings; the upper left corner is best."""
    rows = -(-len(settings) // _COLUMNS)
    with style(text_as_paths=True):
        figure = Figure(figsize=(9.5, 2.9 * rows + 0.9))
        cells = np.atleast_2d(figure.subplots(rows, _COLUMNS, sharey=True)).ravel()
        for axes, setting in zip(cells, settings, strict=False):
            _front(axes, results, setting, policies)
        for axes in cells[len(settings) :]:
            axes.set_visible(False)
        shown = {
            label: handle
            for axes in cells
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(
            shown.values(), shown.keys(), loc="lower center", ncols=5, frameon=False, fontsize=8
        )
        figure.tight_layout(rect=(0, 0.9 / (2.9 * rows + 0.9), 1, 1))
        path.write_text(svg(figure), encoding="utf-8")


def _front(axes: Axes, results: Results, setting: Setting, policies: Sequence[str]) -> None:
    others = [policy for policy in policies if policy not in _MARKS]
    for policy in (*others, *_MARKS):
        judged = results.get((setting, policy))
        if judged is None:
            continue
        if policy in _MARKS:
            (marker, color), label = _MARKS[policy], policy
        else:
            number = others.index(policy) + 1
            marker, color, label = f"${number}$", MUTED, f"{number}: {policy}"
        axes.scatter(
            judged.score.gpu_hours,
            100 * judged.score.attainment,
            s=42,
            marker=marker,
            color=color,
            label=label,
        )
    axes.set_ylim(0, 104)
    axes.set_xlim(0, 1.08 * axes.get_xlim()[1])
    axes.set_xlabel("GPU hours")
    title(axes, f"{setting.name}, {setting.startup_seconds} s: % within")
