"""Fetches what a tick looks at: pods, replicas, engines, Prometheus. All reads, no decision."""

import asyncio
import time

import aiohttp

from pd_operator.actuation.cluster import Cluster, Object
from pd_operator.actuation.kinds import DEPLOYMENT, POD
from pd_operator.api.names import LABEL_SERVICE, ServiceKey, pool_name
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.demand import Demand, present_window_seconds
from pd_operator.scaling.observation import Attainment, Observation, Reading
from pd_operator.scaling.settings import ScalingSettings
from pd_operator.telemetry.engines import read_loads
from pd_operator.telemetry.observe import askable_engines, observe
from pd_operator.telemetry.prometheus import PrometheusReader

ENGINE_TIMEOUT_SECONDS = 2.0
ATTAINMENT_PERIODS = 20
"""Attainment is told over as many ticks, so that a quiet minute does not swing it."""


class Observer:
    """Looks at services; shared by all loops."""

    def __init__(self, cluster: Cluster, session: aiohttp.ClientSession) -> None:
        self._cluster = cluster
        self._session = session
        self._readers: dict[tuple[ServiceKey, str, int], PrometheusReader] = {}

    def prometheus(self, service: PDInferenceService) -> PrometheusReader:
        """The reader of the service's Prometheus. One a service: it serves one thread at a time."""
        spec = service.spec.metrics
        key = (service.key, spec.prometheus_url, spec.scrape_interval_seconds)
        if key not in self._readers:
            self._readers[key] = PrometheusReader(
                spec.prometheus_url, scrape_interval_seconds=spec.scrape_interval_seconds
            )
        return self._readers[key]

    def forget(self, gone: ServiceKey) -> None:
        """Close the connections of a service that is gone."""
        for key in [key for key in self._readers if key[0] == gone]:
            self._readers.pop(key).close()

    async def observe(self, service: PDInferenceService) -> Observation:
        """See the service as it is now. `ClusterError` where the API server does not tell."""
        pods = await self._cluster.select(
            POD, service.metadata.namespace, {LABEL_SERVICE: service.metadata.name}
        )
        deployments = {role: await self._deployment(service, role) for role in Role}
        now = time.time()
        loads = await read_loads(self._session, askable_engines(pods), ENGINE_TIMEOUT_SECONDS)
        demand, attainment = await asyncio.to_thread(self._ask_prometheus, service, now)
        return observe(now, pods, deployments, loads, demand, attainment)

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

    async def _deployment(self, service: PDInferenceService, role: Role) -> Object | None:
        name = pool_name(service.metadata.name, role)
        return await self._cluster.get(DEPLOYMENT, service.metadata.namespace, name)
