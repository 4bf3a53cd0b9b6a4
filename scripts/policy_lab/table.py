"""The table: who attained what, for how many GPU hours."""

from collections.abc import Mapping, Sequence

from scripts.policy_lab.contestants import BEST_FIXED, CLAIRVOYANT, Judged
from scripts.policy_lab.trial import Setting

Results = Mapping[tuple[Setting, str], Judged]


def shares(results: Results, settings: Sequence[Setting], policies: Sequence[str]) -> str:
    """Share within the objectives and GPU hours: a row for each policy, a column for a setting."""
    heads = [f"{one.name}, {one.startup_seconds} s" for one in settings]
    lines = [f"| policy | {' | '.join(heads)} |", "|---|" + "---|" * len(settings)]
    for policy in policies:
        cells = [_cell(results.get((setting, policy))) for setting in settings]
        lines.append(f"| {policy} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def details(results: Results, settings: Sequence[Setting], policies: Sequence[str]) -> str:
    """How each came to it."""
    lines = [
        "| scenario | start-up | policy | share | TTFT | TPOT | GPU hours | over clairvoyant | "
        "over best fixed | worst 5 min | changes/h | reversals/day | note |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        _row(results, setting, policy)
        for setting in settings
        for policy in policies
        if (setting, policy) in results
    ]
    return "\n".join(lines) + "\n"


def _cell(judged: Judged | None) -> str:
    if judged is None:
        return "-"
    return f"{judged.score.attainment:.1%} / {judged.score.gpu_hours:.2f}"


def _row(results: Results, setting: Setting, policy: str) -> str:
    judged = results[setting, policy]
    score = judged.score
    cells = (
        setting.name,
        f"{setting.startup_seconds} s",
        policy,
        f"{score.attainment:.2%}",
        f"{score.ttft:.2%}",
        f"{score.tpot:.2%}",
        f"{score.gpu_hours:.2f}",
        over(results, setting, policy, CLAIRVOYANT),
        over(results, setting, policy, BEST_FIXED),
        f"{score.worst_minutes:.1%}",
        f"{score.changes_per_hour:.1f}",
        f"{score.reversals_per_day:.0f}",
        judged.note,
    )
    return "| " + " | ".join(cells) + " |"


def over(results: Results, setting: Setting, policy: str, other: str) -> str:
    """GPU hours over another's in the same setting, for people."""
    beside = results.get((setting, other))
    if beside is None:
        return "-"
    return f"{results[setting, policy].score.gpu_hours / beside.score.gpu_hours:.2f}"
