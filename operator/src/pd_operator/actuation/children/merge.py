"""A user's pod template over ours, as Kubernetes' strategic merge does it."""

from collections.abc import Mapping, Sequence
from typing import Any

Json = Any
"""What JSON can hold; a user's template may have any shape until the apiserver has seen it."""

_MERGED_BY = {
    "containers": "name",
    "initContainers": "name",
    "volumeMounts": "mountPath",
    "ports": "containerPort",
}
"""Lists whose elements are merged one by one, and the field that identifies an element."""

_REPLACED_BY = {"env": "name", "volumes": "name", "imagePullSecrets": "name", "hostAliases": "ip"}
"""Lists whose elements are replaced one by one: an env var's value would not go with our
valueFrom, nor a volume's hostPath with our emptyDir."""


DIRECTIVE = "$patch"
"""Key of a map that says what becomes of ours: `delete` or `replace`, as in a strategic merge."""


def merge_template(ours: Mapping[str, Json], theirs: Mapping[str, Json]) -> dict[str, Json]:
    """`theirs` laid over `ours`: maps key by key, the lists above by element.

    All other lists and all scalars are replaced. Null removes, and so does a map with
    `$patch: delete`; one with `$patch: replace` stands for itself. What the directive asks for
    survives a client-side `kubectl apply`, which drops nulls.
    """
    merged = {} if theirs.get(DIRECTIVE) == "replace" else dict(ours)
    for key, value in theirs.items():
        if key == DIRECTIVE:
            continue
        if value is None or _deletes(value):
            merged.pop(key, None)
        else:
            merged[key] = _merge_field(key, merged.get(key), value)
    return merged


def _deletes(value: Json) -> bool:
    return isinstance(value, Mapping) and value.get(DIRECTIVE) == "delete"


def _merge_field(key: str, ours: Json, theirs: Json) -> Json:
    if isinstance(theirs, Mapping):
        return merge_template(ours if isinstance(ours, Mapping) else {}, theirs)
    if isinstance(ours, list) and isinstance(theirs, list):
        if key in _MERGED_BY:
            return _merge_list(ours, theirs, _MERGED_BY[key], deep=True)
        if key in _REPLACED_BY:
            return _merge_list(ours, theirs, _REPLACED_BY[key], deep=False)
    return theirs


def _merge_list(
    ours: Sequence[Json], theirs: Sequence[Json], key: str, *, deep: bool
) -> list[Json]:
    """Our elements in their order, changed where theirs name the same, then their new ones."""
    merged = list(ours)
    positions = {_identity(element, key): at for at, element in enumerate(ours)}
    for element in theirs:
        at = positions.get(_identity(element, key))
        if at is None:
            merged.append(element)
        elif deep and not _deletes(element):
            merged[at] = merge_template(merged[at], element)
        else:
            merged[at] = element
    return [element for element in merged if not _deletes(element)]


def _identity(element: Json, key: str) -> str | None:
    """What tells an element from the others; None for one without, which matches nothing."""
    if not isinstance(element, Mapping) or key not in element:
        return None
    return str(element[key])
