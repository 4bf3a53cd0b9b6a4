"""What a look at one piece came to."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Whether somebody has to do something."""

    OK = "ok"
    NOTE = "note"
    """Nothing is wrong, or it cannot be told from here."""
    ACT = "act"
    """Something must be done."""


@dataclass(frozen=True)
class Finding:
    """One line of the answer; `advice` says what to do, where there is something."""

    piece: str
    state: State
    said: str
    advice: str = ""


def ok(piece: str, said: str) -> Finding:
    """All is well."""
    return Finding(piece, State.OK, said)


def note(piece: str, said: str, advice: str = "") -> Finding:
    """Worth knowing."""
    return Finding(piece, State.NOTE, said, advice)


def act(piece: str, said: str, advice: str) -> Finding:
    """Something must be done."""
    return Finding(piece, State.ACT, said, advice)
