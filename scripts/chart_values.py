"""Writes the table of values in the chart's README from values.yaml and its comments.

A value's description is the comment right above it. A map of which no entry has a comment of its
own is one value.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parents[1] / "charts" / "pd-operator"
BEGIN, END = "<!-- values: begin -->", "<!-- values: end -->"
_KEY = re.compile(r"^( *)([A-Za-z]\w*):")


@dataclass(frozen=True)
class Value:
    """A row of the table."""

    path: tuple[str, ...]
    description: str
    default: Any


def comments(text: str) -> dict[tuple[str, ...], str]:
    """The comment right above each key, by the key's path; keys without one are left out."""
    found: dict[tuple[str, ...], str] = {}
    path: list[str] = []
    above: list[str] = []
    for line in text.splitlines():
        if line.strip().startswith("#"):
            above.append(line.strip().lstrip("#").strip())
            continue
        if match := _KEY.match(line):
            path = [*path[: len(match[1]) // 2], match[2]]
            if above:
                found[*path] = " ".join(above)
        above = []
    return found


def rows(values: Any, told: dict[tuple[str, ...], str]) -> Iterator[Value]:
    """The values in their order."""
    yield from _rows((), values, told)


def _rows(path: tuple[str, ...], values: Any, told: dict[tuple[str, ...], str]) -> Iterator[Value]:
    for name, value in values.items():
        at = (*path, name)
        parts = [each for each in told if len(each) > len(at) and each[: len(at)] == at]
        if isinstance(value, dict) and parts:
            # What is said of the whole goes with its first value.
            yield from _rows(at, value, told)
        else:
            yield Value(at, told.get(at) or told.get(path, ""), value)


def table(text: str) -> str:
    """The table as Markdown."""
    lines = ["| value | default | |", "|---|---|---|"]
    for row in rows(yaml.safe_load(text), comments(text)):
        default = json.dumps(row.default).replace("|", "\\|")
        description = row.description.replace("|", "\\|")
        lines.append(f"| `{'.'.join(row.path)}` | `{default}` | {description} |")
    return "\n".join(lines)


def written(readme: str, values: str) -> str:
    """The README with the table of these values between its marks."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table(values)}\n\n{END}{after}"


def main() -> None:
    """Write the table."""
    readme = CHART / "README.md"
    values = (CHART / "values.yaml").read_text("utf-8")
    readme.write_text(written(readme.read_text("utf-8"), values), "utf-8")


if __name__ == "__main__":
    main()
