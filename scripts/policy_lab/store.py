"""Trials that were run, kept so that a bench that was broken off goes on where it was.

A row counts as long as the code that it was made with is the same: the simulator, the loads and the
score, and what the contestant itself is made of.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from scripts.policy_lab.contestants import SOURCES, Judged
from scripts.policy_lab.score import Score
from scripts.policy_lab.trial import Setting

_ROOT = Path(__file__).parents[2]
_ROWS = _ROOT / "build" / "bench" / "policies" / "rows.jsonl"
_SIMULATION = _ROOT / "operator" / "src" / "pd_operator" / "simulation"
_OPERATORS_OWN = ("load_watch.py", "operator_policy.py")
_TRIAL = tuple(f"scripts/policy_lab/{name}.py" for name in ("loads", "scenarios", "score", "trial"))


@dataclass(frozen=True)
class Row:
    """A contestant in a setting."""

    setting: Setting
    policy: str
    judged: Judged


def saved() -> dict[tuple[Setting, str], Judged]:
    """All rows that still count."""
    if not _ROWS.exists():
        return {}
    lines = [json.loads(line) for line in _ROWS.read_text(encoding="utf-8").splitlines()]
    return {
        (Setting(**line["setting"]), line["policy"]): Judged(Score(**line["score"]), line["note"])
        for line in lines
        if line["made_with"] == _made_with(line["policy"])
    }


def save(row: Row) -> None:
    """Append a row."""
    _ROWS.parent.mkdir(parents=True, exist_ok=True)
    line = {
        "setting": asdict(row.setting),
        "policy": row.policy,
        "made_with": _made_with(row.policy),
        "score": asdict(row.judged.score),
        "note": row.judged.note,
    }
    with _ROWS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


@cache
def _made_with(policy: str) -> str:
    digest = sha256()
    for path in sorted(_files(policy)):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _files(policy: str) -> Iterator[Path]:
    for source in (*_TRIAL, *SOURCES[policy]):
        path = _ROOT / source
        yield from path.rglob("*.py") if path.is_dir() else [path]
    yield from (path for path in _SIMULATION.glob("*.py") if path.name not in _OPERATORS_OWN)
