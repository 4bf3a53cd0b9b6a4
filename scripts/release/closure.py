"""Distributions that an extra of pd-operator needs, as they are installed here.

The environment of `make` is pinned by constraints.txt, so what is read from it is what an
installation with these constraints gets.
"""

from collections.abc import Iterable
from importlib.metadata import Distribution, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def closure(requirements: Iterable[str], extras: Iterable[str] = ()) -> list[Distribution]:
    """What these requirements bring, by name, pd-operator itself left out.

    A requirement whose marker does not hold here is left out, too.

    Raises `PackageNotFoundError` where one is not installed.
    """
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    todo = [(requirement, frozenset(extras)) for requirement in map(Requirement, requirements)]
    while todo:
        requirement, asked = todo.pop()
        if not _holds(requirement, asked):
            continue
        name, further = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, further) in seen:
            continue
        seen.add((name, further))
        found[name] = distribution(name)
        todo += [(Requirement(each), further) for each in found[name].requires or ()]
    return [found[name] for name in sorted(found) if name != "pd-operator"]


def _holds(requirement: Requirement, extras: frozenset[str]) -> bool:
    """Whether a requirement counts here, with or without one of these extras."""
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *extras})
