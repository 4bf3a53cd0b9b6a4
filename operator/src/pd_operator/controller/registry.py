"""Which PDInferenceServices exist, as the watch and a periodic LIST last told."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pd_operator.api.names import ANNOTATION_PAUSED, ServiceKey


@dataclass
class Entry:
    """One service's newest object, and the wake that asks for a tick now.

    `touched` says that the spec or a child may have changed since the children were compared.
    """

    resource: Mapping[str, Any]
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    touched: bool = True

    def poke(self) -> None:
        """Ask for a tick now that compares the children too."""
        self.touched = True
        self.wake.set()


class Registry:
    """The services to tick. Replaced as a whole by each LIST, so that no ghost survives."""

    def __init__(self) -> None:
        self._entries: dict[ServiceKey, Entry] = {}
        self.changed = asyncio.Event()
        self.dropped = asyncio.Event()

    def __contains__(self, key: ServiceKey) -> bool:
        return key in self._entries

    def services(self) -> list[ServiceKey]:
        """The services that exist now."""
        return list(self._entries)

    def entry(self, key: ServiceKey) -> Entry:
        """The entry of an existing service."""
        return self._entries[key]

    def put(self, resource: Mapping[str, Any]) -> None:
        """A service appeared or changed; one whose spec or pause changed is ticked at once."""
        key = key_of(resource)
        known = self._entries.get(key)
        if known is None:
            self._entries[key] = Entry(resource)
            self.changed.set()
            return
        (before_uid, before), (uid, now) = _generation(known.resource), _generation(resource)
        if uid == before_uid and (now < before or _older(resource, known.resource)):
            return  # of a LIST that began before the edit which the watch has told of
        paused = _pause(known.resource)
        known.resource = resource
        if (uid, now, _pause(resource)) != (before_uid, before, paused):
            known.poke()

    def drop(self, key: ServiceKey) -> None:
        """A service is gone."""
        if self._entries.pop(key, None) is not None:
            self.changed.set()
            self.dropped.set()

    def poke(self, key: ServiceKey) -> None:
        """Something of this service changed: tick it now."""
        if key in self._entries:
            self._entries[key].poke()

    def mark_dirty(self, key: ServiceKey) -> None:
        """The children have to be compared at the next tick, whenever that is."""
        if key in self._entries:
            self._entries[key].touched = True

    def take_dirty(self, key: ServiceKey) -> bool:
        """Whether the children have to be compared; asked once, it is done with."""
        entry = self._entries[key]
        touched, entry.touched = entry.touched, False
        return touched

    def replace(self, resources: Iterable[Mapping[str, Any]]) -> None:
        """Take a complete LIST as the truth."""
        listed = {key_of(resource): resource for resource in resources}
        for key in self.services():
            if key not in listed:
                self.drop(key)
        for resource in listed.values():
            self.put(resource)


def key_of(resource: Mapping[str, Any]) -> ServiceKey:
    """The key of a PDInferenceService object."""
    return ServiceKey(resource["metadata"]["namespace"], resource["metadata"]["name"])


def _generation(resource: Mapping[str, Any]) -> tuple[str, int]:
    metadata = resource["metadata"]
    return metadata.get("uid", ""), metadata.get("generation", 0)


def _older(resource: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Whether an object is of an earlier version than another, as far as versions tell.

    They are numbers that grow, which Kubernetes promises since 1.35 (KEP-5504) and etcd always
    gave. An annotation has no generation that would tell.
    """
    versions = [str(one["metadata"].get("resourceVersion", "")) for one in (resource, known)]
    if not all(version.isascii() and version.isdecimal() for version in versions):
        return False
    return int(versions[0]) < int(versions[1])


def _pause(resource: Mapping[str, Any]) -> object:
    return (resource["metadata"].get("annotations") or {}).get(ANNOTATION_PAUSED)
