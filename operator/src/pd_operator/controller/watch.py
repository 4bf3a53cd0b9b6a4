"""What Kopf does here: watch, and nothing else.

Handlers are `on.event` only. They write nothing to the objects, keep nothing
but the registry, and cannot be stopped for ever by a failed patch, as Kopf's
timers and daemons can. Kopf gets restarted when it ends, and when it no longer
hears: its watches do not come back after their CRD was away, and it neither
returns nor raises. The loops go on meanwhile, on the last objects known and on
a LIST a minute.
"""

import asyncio
import logging
import threading
from collections.abc import Collection
from contextlib import suppress
from typing import Any

import kopf

from pd_operator.actuation.cluster import Cluster, ClusterError, Object
from pd_operator.actuation.kinds import CHILD_KINDS, PD_SERVICE, Kind
from pd_operator.api.names import GROUP, LABEL_SERVICE, PLURAL, VERSION, ServiceKey
from pd_operator.controller.hearing import Hearing
from pd_operator.controller.registry import Registry, key_of

RELIST_SECONDS = 60.0
RESTART_SECONDS = 5.0

log = logging.getLogger(__name__)


def handlers(
    registry: Registry, hearing: Hearing, loop: asyncio.AbstractEventLoop
) -> kopf.OperatorRegistry:
    """Kopf's handlers, filling `registry` and `hearing`, which live in the thread of `loop`."""
    found = kopf.OperatorRegistry()
    versions: dict[str, object] = {}
    kopf.on.login(registry=found)(kopf.login_via_client)

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=found)
    def service_changed(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002  Kopf passes by this name
        if type == "DELETED":
            loop.call_soon_threadsafe(registry.drop, key_of(body))
            loop.call_soon_threadsafe(hearing.tell_gone, key_of(body))
        else:
            loop.call_soon_threadsafe(hearing.tell, dict(body))
            loop.call_soon_threadsafe(registry.put, dict(body))

    def child_changed(type: str | None, meta: kopf.Meta, **_: Any) -> None:  # noqa: A002  Kopf passes by this name
        # Only says that now is a good time to compare: a child's status changes often,
        # its specification seldom.
        version = meta.get("generation", meta.get("resourceVersion"))
        known = versions.get(meta["uid"])
        versions[meta["uid"]] = version
        if type == "DELETED":
            del versions[meta["uid"]]
        if type == "DELETED" or (type == "MODIFIED" and version != known):
            key = ServiceKey(meta["namespace"], meta["labels"][LABEL_SERVICE])
            loop.call_soon_threadsafe(registry.poke, key)

    for kind in CHILD_KINDS:
        kopf.on.event(
            *_group_version(kind), kind.plural, labels={LABEL_SERVICE: kopf.PRESENT}, registry=found
        )(child_changed)
    return found


def _group_version(kind: Kind) -> tuple[str, str]:
    group, _, version = kind.api_version.rpartition("/")
    return group, version


def kopf_settings() -> kopf.OperatorSettings:
    """Kopf's settings; each differs from the default for the reason beside it."""
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True  # else it wants to list CRDs and namespaces cluster-wide
    settings.posting.enabled = False  # Events are ours, on transitions only
    settings.watching.server_timeout = 300  # a belt against streams that go silent
    settings.watching.client_timeout = 310
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    # Else Kopf kills the whole process some time after it has ended, also when it is to restart.
    settings.process.ultimate_exiting_timeout = None
    for kind in CHILD_KINDS:  # else every Service of the cluster would pass by
        settings.watching.label_selectors[*_group_version(kind), kind.plural] = LABEL_SERVICE
    return settings


class Watch:
    """Runs Kopf in a thread of its own, again and again.

    A thread, because Kopf takes over the signals of the main one and, when it ends, cancels
    every task of its event loop, also those that are not its own. One that does not end is left
    behind: what it may still tell of is true.
    """

    def __init__(self, registry: Registry, namespaces: Collection[str]) -> None:
        self._registry = registry
        self._namespaces = tuple(namespaces)
        self._stop = threading.Event()
        self._ended = asyncio.Event()
        self.hearing = Hearing()

    async def run(self) -> None:
        """Watch until canceled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._stop, self._ended = threading.Event(), asyncio.Event()
                self.hearing.begin_anew()
                threading.Thread(
                    target=self._watch, args=(loop, self._stop, self._ended), daemon=True
                ).start()
                await self._ended.wait()
                log.warning("the watch ended; it starts again in %.0f s", RESTART_SECONDS)
                await asyncio.sleep(RESTART_SECONDS)
        finally:
            self._stop.set()

    def restart(self) -> None:
        """Begin a new watch, whether or not the present one ends."""
        self._stop.set()
        self._ended.set()

    def _watch(
        self, loop: asyncio.AbstractEventLoop, stop: threading.Event, ended: asyncio.Event
    ) -> None:
        try:
            asyncio.run(
                kopf.operator(
                    registry=handlers(self._registry, self.hearing, loop),
                    settings=kopf_settings(),
                    standalone=True,
                    clusterwide=not self._namespaces,
                    namespaces=self._namespaces,
                    stop_flag=stop,
                )
            )
        except Exception:
            log.warning("the watch failed", exc_info=True)
        finally:
            # The process may have ended its loop meanwhile: then nobody waits.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(ended.set)


class ServiceList:
    """All services that this operator watches, by a LIST of each of its namespaces."""

    def __init__(self, cluster: Cluster, namespaces: Collection[str]) -> None:
        self._cluster = cluster
        self._namespaces = tuple(namespaces) or ("",)

    async def read(self) -> list[Object]:
        """The objects as they are stored now. `ClusterError` where that cannot be had."""
        return [
            resource
            for namespace in self._namespaces
            for resource in await self._cluster.select(PD_SERVICE, namespace, {})
        ]


async def relist(
    registry: Registry, services: ServiceList, ready: asyncio.Event, watch: Watch
) -> None:
    """Reconcile the registry with a LIST, now and every minute, until canceled.

    Starts the watch anew where it no longer hears of what the LIST shows, and where the CRD was
    away.
    """
    away = False
    while True:
        pause = RESTART_SECONDS
        try:
            found = await services.read()
        except ClusterError as error:
            log.warning("cannot list PDInferenceServices: %s", error)
            away = away or error.status == 404
        else:
            registry.replace(found)
            ready.set()
            if watch.hearing.compare(found) or away:
                away = False
                log.warning("the watch does not hear of what a LIST shows")
                watch.restart()
            elif not watch.hearing.waits:
                pause = RELIST_SECONDS
        await _first(registry.dropped, at_most=pause)


async def _first(event: asyncio.Event, *, at_most: float) -> None:
    """Wait for a deletion, and then for a moment longer, but never longer than `at_most`.

    With its CRD go all services; so after one has gone, the next LIST tells whether that is away.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(at_most):
            await event.wait()
            event.clear()
            await asyncio.sleep(RESTART_SECONDS)
