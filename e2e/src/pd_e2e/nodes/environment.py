"""A container's environment variables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pd_e2e.nodes.api import Json
from pd_e2e.nodes.expansion import expand
from pd_e2e.nodes.podfacts import PodFacts


class MissingReferenceError(Exception):
    """A ConfigMap, Secret or key that the container needs is not there (yet)."""


@dataclass(frozen=True)
class Reference:
    """A ConfigMap or Secret, by its API plural, that a container reads variables from."""

    plural: str
    name: str


Contents = Mapping[Reference, Mapping[str, str] | None]
"""Data of each referenced object as text; None where the object does not exist."""


def references(container: Json) -> set[Reference]:
    """Return the objects whose contents `variables` needs."""
    found = {source for source, _, _ in _env_from(container)}
    for entry in container.get("env", ()):
        source = entry.get("valueFrom", {})
        for key, plural in (("configMapKeyRef", "configmaps"), ("secretKeyRef", "secrets")):
            if key in source:
                found.add(Reference(plural, source[key]["name"]))
    return found


def variables(
    container: Json, facts: PodFacts, base: Mapping[str, str], contents: Contents
) -> dict[str, str]:
    """Return the environment: `base`, then envFrom, then env, later ones winning.

    Raises:
        MissingReferenceError: something that is not optional is missing.
        UnknownFieldError: a fieldRef names what the downward API does not have.

    """
    result = dict(base)
    for source, prefix, optional in _env_from(container):
        data = contents.get(source)
        if data is None and not optional:
            raise MissingReferenceError(f'{source.plural[:-1]} "{source.name}" not found')
        result |= {prefix + key: value for key, value in (data or {}).items()}
    for entry in container.get("env", ()):
        value = _value(entry, container, facts, result, contents)
        if value is not None:
            result[entry["name"]] = value
    return result


def _env_from(container: Json) -> Iterable[tuple[Reference, str, bool]]:
    for entry in container.get("envFrom", ()):
        for key, plural in (("configMapRef", "configmaps"), ("secretRef", "secrets")):
            if key in entry:
                reference = Reference(plural, entry[key]["name"])
                yield reference, entry.get("prefix", ""), entry[key].get("optional", False)


def _value(
    entry: Json,
    container: Json,
    facts: PodFacts,
    known: Mapping[str, str],
    contents: Contents,
) -> str | None:
    source = entry.get("valueFrom")
    if not source:
        return expand(entry.get("value", ""), known)
    if "fieldRef" in source:
        return facts.field(source["fieldRef"]["fieldPath"])
    if "resourceFieldRef" in source:
        return facts.resource(container, source["resourceFieldRef"])
    if "configMapKeyRef" in source:
        return _key("configmaps", source["configMapKeyRef"], contents)
    if "secretKeyRef" in source:
        return _key("secrets", source["secretKeyRef"], contents)
    raise MissingReferenceError(f"variable {entry['name']}: unsupported source {sorted(source)}")


def _key(plural: str, selector: Json, contents: Contents) -> str | None:
    data = contents.get(Reference(plural, selector["name"])) or {}
    if selector["key"] in data:
        return data[selector["key"]]
    if selector.get("optional", False):
        return None
    name, key = selector["name"], selector["key"]
    raise MissingReferenceError(f'couldn\'t find key "{key}" in {plural[:-1]} "{name}"')
