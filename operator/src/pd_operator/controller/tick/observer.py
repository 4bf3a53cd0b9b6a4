"""Fetches what a tick looks at: pods, replicas, engines, Prometheus. All reads, no decision."""

import asyncio
import time
from dataclasses import replace

import aiohttp

from pd_operator.actuation.cluster import Cluster
from pd_operator.actuation.workload import Workload
from pd_operator.api.autoscaling import Mode
from pd_operator.api.names import ServiceKey
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.controller.tick.attached_fleet import AttachedFleet, must_have_their_roles
from pd_operator.controller.tick.fleet import Fleet, OwnFleet
from pd_operator.controller.tick.prometheus_access import UNSET, read_access
from pd_operator.controller.tick.rivals import must_be_alone
from pd_operator.demand import Demand, present_window_seconds
from pd_operator.scaling.observation import (
    Attainment,
    Observation,
    Reading,
)
from pd_operator.scaling.settings import ScalingSettings
from pd_operator.telemetry.access import Pairs, PrometheusAccess
from pd_operator.telemetry.engines import read_loads
from pd_operator.telemetry.observe import askable_engines, observe, ready_members
from pd_operator.telemetry.prometheus import PrometheusReader
from pd_operator.telemetry.series import ServiceSeries, series_of

ENGINE_TIMEOUT_SECONDS = 2.0
Settings = tuple[str, int, PrometheusAccess, ServiceSeries]
"""What a reader of Prometheus is made of: its address, seconds between scrapes, access, series."""

ATTAINMENT_PERIODS = 20
"""Attainment is told over as many ticks, so that a quiet minute does not swing it."""


class Observer:
    """Looks at services; shared by all loops."""

    def __init__(
        self, cluster: Cluster, session: aiohttp.ClientSession, labels: Pairs = ()
    ) -> None:
        self._cluster = cluster
        self._labels = labels
        self._session = session
        self._readers: dict[ServiceKey, tuple[Settings, PrometheusReader]] = {}
        self._fleets: dict[ServiceKey, Fleet] = {}

    def prometheus(self, service: PDInferenceService) -> PrometheusReader:
        """The reader that the service was observed with. It serves one thread at a time."""
        return self._readers[service.key][1]

    async def connect(self, service: PDInferenceService) -> PrometheusReader:
        """The reader of the service's Prometheus, a new one where its settings have changed."""
        spec = service.spec.metrics
        access = await read_access(self._cluster, service)
        series = series_of(service.spec, self._labels)
        url = spec.prometheus_url or UNSET
        settings = (url, spec.scrape_interval_seconds, access, series)
        known = self._readers.get(service.key)
        if known is not None and known[0] == settings:
            return known[1]
        self._close(service.key)
        reader = PrometheusReader(
            url,
            scrape_interval_seconds=spec.scrape_interval_seconds,
            access=access,
            series=series,
        )
        self._readers[service.key] = settings, reader
        return reader

    def forget(self, gone: ServiceKey) -> None:
        """Close the connections of a service that is gone."""
        self._close(gone)
        self._fleets.pop(gone, None)

    async def observe(self, service: PDInferenceService) -> Observation:
        """See the service as it is now.

        `ClusterError` where the API server does not tell, `ScaleTargetError` where a pool of other
        hands is not there to be seen.
        """
        self._find(service)
        await self.connect(service)
        seen = await self.look(service.key)
        demand, attainment = await asyncio.to_thread(self._ask_prometheus, service, seen)
        if targets := service.spec.scale_targets:
            must_have_their_roles(seen, targets)
            await self._must_be_alone(service)
        return replace(seen, demand=demand, attainment=attainment)

    async def look(self, key: ServiceKey) -> Observation:
        """See its pods, replicas and engines alone. Raises as above."""
        sight = await self._fleet(key).look()
        now = time.time()
        loads = await read_loads(self._session, askable_engines(sight.pods), ENGINE_TIMEOUT_SECONDS)
        return observe(
            now,
            sight.pods,
            sight.deployments,
            loads,
            routers_known=sight.routers_known,
            router=sight.router,
        )

    async def ready_workers(self, key: ServiceKey, role: Role) -> set[str]:
        """Names of the workers that are ready now, of a pool's own. Raises as above."""
        return ready_members(await self._fleet(key).pods(), role)

    def _ask_prometheus(
        self, service: PDInferenceService, seen: Observation
    ) -> tuple[Reading[Demand], Reading[Attainment]]:
        reader, now = self.prometheus(service), seen.time_seconds
        autoscaling = service.spec.autoscaling
        objectives = ScalingSettings.from_spec(service.spec).objectives
        recent = present_window_seconds(autoscaling.forecast.resolution_seconds)
        window = float(ATTAINMENT_PERIODS * autoscaling.period_seconds)
        return (
            reader.demand(service.key, now, recent, dict(seen.router_restarts)),
            reader.attainment(service.key, objectives, now, window),
        )

    def workload(self, key: ServiceKey, role: Role) -> Workload:
        """What the replicas of a pool are written to; of a service that has been observed."""
        return self._fleet(key).workload(role)

    async def _must_be_alone(self, service: PDInferenceService) -> None:
        fleet = self._fleet(service.key)
        if isinstance(fleet, AttachedFleet) and service.spec.autoscaling.mode is Mode.ACTIVE:
            await must_be_alone(self._cluster, service, fleet.seen)

    def _find(self, service: PDInferenceService) -> None:
        """Know where the service's pods are; the API server lets nobody change that later."""
        key, targets = service.key, service.spec.scale_targets
        if targets is not None and key not in self._fleets:
            self._fleets[key] = AttachedFleet(self._cluster, key, targets)

    def _fleet(self, key: ServiceKey) -> Fleet:
        return self._fleets.get(key) or OwnFleet(self._cluster, key)

    def _close(self, key: ServiceKey) -> None:
        if key in self._readers:
            self._readers.pop(key)[1].close()
