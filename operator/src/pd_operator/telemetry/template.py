"""PromQL with holes in it, filled so that no value can become syntax."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from string import Template as DollarTemplate


@dataclass(frozen=True)
class Seconds:
    """A duration; Prometheus takes whole milliseconds."""

    value: float

    def rendered(self) -> str:
        """As in `[90000ms]`; `ValueError` unless it is at least a millisecond."""
        milliseconds = round(self.value * 1000)
        if milliseconds < 1:
            raise ValueError(f"a PromQL duration must be at least 1 ms, not {self.value} s")
        return f"{milliseconds}ms"


@dataclass(frozen=True)
class Edge:
    """An upper edge of a histogram bucket, for `le=~`.

    SGLang writes `le="1.0"`, as Prometheus 3 does when it scrapes; Prometheus 2 keeps what it
    got, and recording or federation may give `le="1"`.
    """

    value: float

    def rendered(self) -> str:
        """A quoted regular expression that matches each way to write the edge."""
        short = f"{self.value:.15g}"
        spellings = dict.fromkeys((short, f"{short}.0" if short.isdigit() else short))
        return quoted("|".join(re.escape(spelling) for spelling in spellings))


LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
"""What Prometheus takes for the name of a label, unquoted."""


@dataclass(frozen=True)
class Matcher:
    """One label that a series must have; `name` is Prometheus' own, `value` any text.

    `operator`: `=`, `!=`, or `=~` and `!~` for a regular expression.
    """

    name: str
    value: str
    operator: str = "="

    def __post_init__(self) -> None:
        if not LABEL_NAME.fullmatch(self.name) or self.operator not in ("=", "!=", "=~", "!~"):
            raise ValueError(f"no label matcher: {self.name!r} {self.operator!r}")

    def rendered(self) -> str:
        """As in `pod!=""`."""
        return f"{self.name}{self.operator}{quoted(self.value)}"


@dataclass(frozen=True)
class Matchers:
    """What stands between the braces of a selector."""

    all: tuple[Matcher, ...]

    def rendered(self) -> str:
        """As in `namespace="team",pod!=""`; nothing for none."""
        return ",".join(matcher.rendered() for matcher in self.all)


Value = str | Seconds | Edge | Matchers


@dataclass(frozen=True)
class Template:
    """A named query. `$word` is a hole for a label value or matchers, a duration or a bucket edge.

    Holes stand outside quotation marks: filling one brings its own.
    """

    name: str
    about: str
    text: str

    @cached_property
    def holes(self) -> frozenset[str]:
        """The names of all holes."""
        return frozenset(DollarTemplate(self.text).get_identifiers())

    def render(self, **values: Value) -> str:
        """The query. `KeyError` for a hole without a value, `ValueError` for a value too much.

        A `str` is a label value, whatever characters it holds.
        """
        unknown = values.keys() - self.holes
        if unknown:
            raise ValueError(f"{self.name} has no hole for {sorted(unknown)}")
        filled = {hole: _rendered(value) for hole, value in values.items()}
        return DollarTemplate(self.text).substitute(filled)


def quoted(text: str) -> str:
    """A PromQL string literal. JSON's escapes are a subset of those PromQL has from Go."""
    return json.dumps(text, ensure_ascii=False)


def _rendered(value: Value) -> str:
    return quoted(value) if isinstance(value, str) else value.rendered()
