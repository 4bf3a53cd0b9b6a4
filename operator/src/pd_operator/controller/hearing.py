"""Whether the watch still hears: what it told of, held against what a LIST shows."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from pd_operator.api.names import ServiceKey
from pd_operator.controller.registry import key_of

DEAF_SECONDS = 300.0
"""A watch that restarts do not mend for so long is the process's to mend, by being restarted."""

Version = tuple[str, int]
"""An object's uid, and its resourceVersion: a number that grows (Kubernetes 1.35 promises it)."""


class Hearing:
    """Compares the objects that the watch has told of with those of every LIST.

    What a LIST shows and the watch has not told of may be on its way. What it has not told of by
    the next LIST it does not hear.
    """

    def __init__(self) -> None:
        self._heard: dict[ServiceKey, Version] = {}
        self._awaited: dict[ServiceKey, Version] = {}
        self._unmended_since: float | None = None

    def tell(self, resource: Mapping[str, Any]) -> None:
        """The watch told of an object that is there."""
        self._heard[key_of(resource)] = _version(resource)

    def tell_gone(self, key: ServiceKey) -> None:
        """The watch told of one that is gone."""
        self._heard.pop(key, None)

    def hears(self, key: ServiceKey) -> bool:
        """Whether the watch has told of an object."""
        return key in self._heard

    def begin_anew(self) -> None:
        """A new watch begins: it tells of everything that is there."""
        self._heard.clear()
        self._awaited.clear()

    def compare(self, resources: Iterable[Mapping[str, Any]]) -> bool:
        """Hold a LIST against what was told; whether the watch is deaf."""
        listed = {key_of(resource): _version(resource) for resource in resources}
        deaf = any(
            self._is_unheard(key, version)
            for key, version in self._awaited.items()
            if key in listed and listed[key][0] == version[0]
        )
        self._awaited = {
            key: version for key, version in listed.items() if self._is_unheard(key, version)
        }
        if deaf and self._unmended_since is None:
            self._unmended_since = time.monotonic()
        elif not self._awaited:
            self._unmended_since = None
        return deaf

    @property
    def waits(self) -> bool:
        """Whether the last LIST showed something that the watch has yet to tell of."""
        return bool(self._awaited)

    def fault(self) -> str | None:
        """What is wrong where no restart of the watch has helped, for the liveness probe."""
        since = self._unmended_since
        silent = 0.0 if since is None else time.monotonic() - since
        return f"the watch has been deaf for {silent:.0f} s" if silent > DEAF_SECONDS else None

    def _is_unheard(self, key: ServiceKey, version: Version) -> bool:
        uid, number = self._heard.get(key, ("", 0))
        return uid != version[0] or number < version[1]


def _version(resource: Mapping[str, Any]) -> Version:
    metadata = resource["metadata"]
    text = str(metadata.get("resourceVersion", ""))
    return str(metadata.get("uid", "")), int(text) if text.isdecimal() else 0
