"""Fetches what a tick looks at: pods, replicas, engines, Prometheus. All reads, no decision."""

import asyncio
import time

import aiohttp

from pd_operator.actuation.cluster import Cluster
from pd_operator.api.names import ServiceKey
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.controller.tick.attached_fleet import AttachedFleet, must_have_their_roles
from pd_operator.controller.tick.fleet import Fleet, OwnFleet
from pd_operator.controller.tick.prometheus_access import read_access
from pd_operator.demand import Demand, present_window_seconds
from pd_operator.scaling.observation import (
    Attainment,
    Observation,
    PoolObservation,
    Reading,
)
from pd_operator.scaling.settings import ScalingSettings
from pd_operator.telemetry.access import PrometheusAccess
from pd_operator.telemetry.engines import read_loads
from pd_operator.telemetry.observe import askable_engines, observe, observe_homes
from pd_operator.telemetry.prometheus import PrometheusReader
from pd_operator.telemetry.series import ServiceSeries, series_of

ENGINE_TIMEOUT_SECONDS = 2.0
Settings = tuple[str, int, PrometheusAccess, ServiceSeries]
"""What a reader of Prometheus is made of: its address, seconds between scrapes, access, series."""

ATTAINMENT_PERIODS = 20
"""Attainment is told over as many ticks, so that a quiet minute does not swing it."""


class Observer:
    """Looks at services; shared by all loops."""

    def __init__(self, cluster: Cluster, session: aiohttp.ClientSession) -> None:
        self._cluster = cluster
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
        series = series_of(service.spec)
        settings = (spec.prometheus_url, spec.scrape_interval_seconds, access, series)
        known = self._readers.get(service.key)
        if known is not None and known[0] == settings:
            return known[1]
        self._close(service.key)
        reader = PrometheusReader(
            spec.prometheus_url,
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
        sight = await self._fleet(service).look()
        await self.connect(service)
        now = time.time()
        loads = await read_loads(self._session, askable_engines(sight.pods), ENGINE_TIMEOUT_SECONDS)
        demand, attainment = await asyncio.to_thread(self._ask_prometheus, service, now)
        seen = observe(
            now,
            sight.pods,
            sight.deployments,
            loads,
            demand,
            attainment,
            routers_known=sight.routers_known,
        )
        if targets := service.spec.scale_targets:
            must_have_their_roles(seen, targets)
        return seen

    async def ready_workers(self, key: ServiceKey, role: Role) -> set[str]:
        """Names of the workers that are ready now, of a pool's own. `ClusterError` as above."""
        home = next(one for one in await self.homes(key) if one.role is role)
        return {worker.name for worker in home.live if worker.ready}

    async def homes(self, key: ServiceKey) -> tuple[PoolObservation, PoolObservation]:
        """The pools alone, each with its own workers; engines and Prometheus are not asked."""
        fleet = self._fleets.get(key) or OwnFleet(self._cluster, key)
        sight = await fleet.look()
        return observe_homes(time.time(), sight.pods, sight.deployments, {})

    def _ask_prometheus(
        self, service: PDInferenceService, now: float
    ) -> tuple[Reading[Demand], Reading[Attainment]]:
        reader = self.prometheus(service)
        autoscaling = service.spec.autoscaling
        objectives = ScalingSettings.from_spec(service.spec).objectives
        recent = present_window_seconds(autoscaling.forecast.resolution_seconds)
        window = float(ATTAINMENT_PERIODS * autoscaling.period_seconds)
        return (
            reader.demand(service.key, now, recent),
            reader.attainment(service.key, objectives, now, window),
        )

    def _fleet(self, service: PDInferenceService) -> Fleet:
        """Where the service's pods are found; the API server lets nobody change that later."""
        key, targets = service.key, service.spec.scale_targets
        if key not in self._fleets:
            self._fleets[key] = (
                OwnFleet(self._cluster, key)
                if targets is None
                else AttachedFleet(self._cluster, key, targets)
            )
        return self._fleets[key]

    def _close(self, key: ServiceKey) -> None:
        if key in self._readers:
            self._readers.pop(key)[1].close()
