"""What keeps a process from writing when it no longer leads.

A fence goes by time, so it cannot recall a request that left it and arrives late. The API server
refuses such a one by its precondition, the version of what it would change, provided that version
has moved since. So the first step of a term that a late write would undo, or go together with,
moves the versions of all that an earlier leader could still write to: it writes the term's `label`
on them. One that only adds replicas need not: their number is a precondition, too.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class DeposedError(Exception):
    """Another may lead by now: nothing was written."""


class Fence(Protocol):
    """Lets a write begin, or refuses it."""

    @property
    def label(self) -> str:
        """The name of this leader's term, for the objects that it writes; empty for none."""

    @property
    def write_seconds(self) -> float:
        """How long a write may last, from its beginning to the end of its effects."""

    def writing(self) -> AbstractContextManager[None]:
        """Enclose one write. `DeposedError` where it may not begin."""


class Unfenced:
    """For a process that nobody shares its work with, such as a command."""

    label = ""

    def __init__(self, write_seconds: float = 10.0) -> None:
        self.write_seconds = write_seconds

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Any write may begin."""
        yield
