"""Findings as people and programs read them."""

from collections.abc import Sequence
from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from pd_operator.cli.checking.findings import Finding, State

_MARKS = {State.OK: ("✓", "green"), State.NOTE: ("·", "yellow"), State.ACT: ("✗", "bold red")}


def table(findings: Sequence[Finding]) -> Table:
    """A row a finding, with what to do below what is so."""
    shown = Table.grid(padding=(0, 2))
    for finding in findings:
        said = Text(finding.said)
        if finding.advice:
            said.append(f"\n→ {finding.advice}", "bold" if finding.state is State.ACT else "dim")
        shown.add_row(Text(*_MARKS[finding.state]), Text(finding.piece, "bold"), said)
    return shown


def plain(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """The same as data."""
    return [asdict(finding) for finding in findings]
