"""Follows a collection of the API: a list, then its changes, through any outage."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from pd_e2e.nodes.api import ApiError, ApiUnavailableError, Json, KubeApi

_log = logging.getLogger(__name__)
_RETRY_SECONDS = 1.0


@dataclass(frozen=True)
class Listed:
    """Everything that exists now; what is missing here is gone."""

    objects: tuple[Json, ...]


@dataclass(frozen=True)
class Changed:
    """One object was added or modified."""

    object: Json


@dataclass(frozen=True)
class Deleted:
    """One object is gone."""

    object: Json


async def follow(
    api: KubeApi, path: str, query: Mapping[str, str]
) -> AsyncIterator[Listed | Changed | Deleted]:
    """Yield the state of a collection and its changes, for ever.

    While the API server is away nothing is yielded: not knowing is no reason to change anything.
    """
    while True:
        try:
            listing = await api.get(path, query)
            yield Listed(tuple(listing["items"]))
            version = listing["metadata"]["resourceVersion"]
            async for change in _changes(api, path, query, version):
                yield change
        except (ApiError, ApiUnavailableError) as error:
            _log.info("watch of %s lost (%s); listing again", path, error)
            await asyncio.sleep(_RETRY_SECONDS)


async def _changes(
    api: KubeApi, path: str, query: Mapping[str, str], version: str
) -> AsyncIterator[Changed | Deleted]:
    """Watch from `version` on, again and again, until the server has forgotten it (ApiError)."""
    while True:
        async for event in api.watch(path, {**query, "resourceVersion": version}):
            if event["type"] == "ERROR":
                raise ApiError(event["object"].get("code", 500), event["object"].get("message", ""))
            version = event["object"]["metadata"]["resourceVersion"]
            if event["type"] == "DELETED":
                yield Deleted(event["object"])
            elif event["type"] != "BOOKMARK":
                yield Changed(event["object"])
