"""A value in a profile's JSON together with its path, so that every refusal names the cursor."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NoReturn

import numpy as np

from pd_operator.performance.profile import ProfileError
from pd_operator.performance.table import FloatArray

MINIMUM_MILLISECONDS = 0.05
MAXIMUM_MILLISECONDS = 600_000.0
"""What a pass or step may take. Beyond either end, seconds or microseconds were written."""

MAXIMUM_WHOLE = 10**12
"""No whole number of a profile is larger: tokens, bytes, GPUs."""

_MILLISECONDS = 1e-3


def read_document(text: str | bytes, profile: str) -> "JsonCursor":
    """The root of a JSON document; `ProfileError` for what is not JSON."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProfileError(f"profile {profile!r} is not JSON: {error}") from error
    return JsonCursor(profile, "", document)


@dataclass(frozen=True)
class JsonCursor:
    """One value of a profile's document. Every method refuses what it is not, by its path."""

    profile: str
    path: str
    value: object

    def refuse(self, why: str) -> NoReturn:
        """Raise `ProfileError` with the profile and the path."""
        raise ProfileError(f"profile {self.profile!r}: {self.path or 'document'}: {why}")

    def member(self, key: str) -> "JsonCursor":
        """A member that an object must have."""
        cursor = JsonCursor(self.profile, f"{self.path}.{key}".lstrip("."), None)
        mapping = self._mapping()
        if key not in mapping:
            cursor.refuse("is missing")
        return JsonCursor(self.profile, cursor.path, mapping[key])

    def members(self) -> list["JsonCursor"]:
        """All members of an object."""
        return [self.member(str(key)) for key in self._mapping()]

    def _mapping(self) -> Mapping[str, object]:
        if not isinstance(self.value, dict):
            self.refuse(f"expected an object, found {_kind(self.value)}")
        return self.value

    def text(self) -> str:
        """A text."""
        if not isinstance(self.value, str):
            self.refuse(f"expected text, found {_kind(self.value)}")
        return self.value

    def whole(self, at_most: int = MAXIMUM_WHOLE) -> int:
        """A whole number of at least 1."""
        if isinstance(self.value, bool) or not isinstance(self.value, int) or self.value < 1:
            self.refuse(f"expected a whole number of at least 1, found {_kind(self.value)}")
        if self.value > at_most:
            self.refuse(f"expected at most {at_most:,}, found {self.value:,}")
        return self.value

    def has(self, key: str) -> bool:
        """Whether the object has this member, and it is not null."""
        return self._mapping().get(key) is not None

    def items(self, length: int | None = None) -> list["JsonCursor"]:
        """The entries of a list, of `length` if that is given."""
        if not isinstance(self.value, list):
            self.refuse(f"expected a list, found {_kind(self.value)}")
        if length is not None and len(self.value) != length:
            self.refuse(
                f"expected {length} entries, one per point of its axis, found {len(self.value)}"
            )
        return [
            JsonCursor(self.profile, f"{self.path}[{i}]", item) for i, item in enumerate(self.value)
        ]

    def number(self) -> float:
        """A finite number of at least 0."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            self.refuse(f"expected a number, found {_kind(self.value)}")
        value = as_float(self.value)
        if not math.isfinite(value) or value < 0:
            self.refuse(f"expected a finite number of at least 0, found {value}")
        return value

    def milliseconds(self) -> float:
        """What a pass or a step can take."""
        value = self.number()
        if not MINIMUM_MILLISECONDS <= value <= MAXIMUM_MILLISECONDS:
            self.refuse(
                f"expected milliseconds between {MINIMUM_MILLISECONDS:g} and "
                f"{MAXIMUM_MILLISECONDS:g}, found {value:g}"
            )
        return value

    def axis(self, at_least: int = 2) -> tuple[float, ...]:
        """The points of an axis: ascending numbers."""
        points = tuple(item.number() for item in self.items())
        if len(points) < at_least:
            words = {1: "one point", 2: "two points"}[at_least]
            self.refuse(f"expected at least {words}, found {len(points)}")
        if any(later <= earlier for earlier, later in pairwise(points)):
            self.refuse("expected points in ascending order")
        return points

    def grid(
        self,
        rows: tuple[float, ...],
        columns: tuple[float, ...],
        *,
        may_lack_batches: bool = False,
    ) -> FloatArray:
        """Seconds, one row per point of `rows` and one column per point of `columns`.

        Where a batch of prompts may be lacking, it takes as long as its prompts one by one:
        batching gains nothing where prompts are long, and only such passes are left out.
        """
        seconds = np.empty((len(rows), len(columns)))
        for i, row in enumerate(self.items(len(rows))):
            for j, cell in enumerate(row.items(len(columns))):
                if cell.value is None and may_lack_batches and j > 0:
                    seconds[i, j] = seconds[i, j - 1] * columns[j] / columns[j - 1]
                    continue
                seconds[i, j] = cell.milliseconds() * _MILLISECONDS
        return seconds


def as_float(number: float) -> float:
    """The number; infinite for a whole one beyond all floats."""
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case dict():
            return "an object"
        case list():
            return "a list"
        case str():
            return f"the text {value!r}"
        case _:
            return str(value)
