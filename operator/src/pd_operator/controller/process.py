"""The operator as a process: everything started in order, and ended in order."""

import asyncio
import logging
import signal
import time
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import aiohttp

from pd_operator.actuation.cluster import Cluster
from pd_operator.actuation.fence import Fence
from pd_operator.actuation.role_switch import fenced_switch, switch_role
from pd_operator.controller.endpoints import Check, application, serve
from pd_operator.controller.hearing import Hearing
from pd_operator.controller.leading import Leading, stalled
from pd_operator.controller.live_page.handlers import add_live_page
from pd_operator.controller.live_page.loads import Loads
from pd_operator.controller.registry import Registry
from pd_operator.controller.service_loop import LoopDependencies, ServiceLoop
from pd_operator.controller.status.metrics import OperatorMetrics
from pd_operator.controller.supervisor import Supervisor
from pd_operator.controller.tick.fit_pool import FitPool
from pd_operator.controller.tick.observer import Observer
from pd_operator.controller.watch import ServiceList, Watch, relist
from pd_operator.leadership.candidate import Candidate
from pd_operator.leadership.election import ElectionTimes
from pd_operator.leadership.elector import Elector
from pd_operator.leadership.lease import LeaseStore
from pd_operator.telemetry.access import Pairs

LOOP_LAG_PERIOD_SECONDS = 1.0

API_REQUESTS_AT_ONCE = 16
"""To the API server. A hundred a second at 50 ms each take five."""

PROMETHEUS_ASKED_AT_ONCE = 64
"""Services that wait for their Prometheus. One that hangs holds a thread of its own for some five
seconds a tick; by default there are four more than cores, and a few such would delay all others.
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OperatorOptions:
    """How the process runs: which namespaces (none: all), where it listens, what it gives children.

    `name` is the same for all pods of one installation and another for every other; the Lease that
    says which of them acts has it, too. `home` is the namespace of both, where one is given; `pod`
    is this one's name. `prometheus_url` is of services that name none; `cluster_labels` are what
    their Prometheus knows this cluster's series by, where it has others', too.
    """

    namespaces: tuple[str, ...]
    host: str
    port: int
    name: str
    home: str | None
    pod: str
    operator_image: str
    pod_monitor_labels: Mapping[str, str]
    election_times: ElectionTimes
    prometheus_url: str = ""
    cluster_labels: Pairs = ()

    @property
    def identity(self) -> str:
        """By which other installations know whose a service is."""
        return f"{self.home or 'local'}/{self.name}"


async def run_operator(options: OperatorOptions) -> None:
    """Run until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    metrics, registry, listed = OperatorMetrics(), Registry(), asyncio.Event()
    loop.set_default_executor(ThreadPoolExecutor(PROMETHEUS_ASKED_AT_ONCE, "prometheus"))
    cluster, fits = Cluster.connect(at_once=API_REQUESTS_AT_ONCE), FitPool()
    async with aiohttp.ClientSession() as session:

        def supervise(fence: Fence) -> Supervisor:
            fenced = cluster.behind(fence)
            deps = LoopDependencies(
                cluster=fenced,
                registry=registry,
                observer=Observer(fenced, session, options.cluster_labels),
                switch_role=fenced_switch(fence, partial(switch_role, session)),
                fits=fits,
                metrics=metrics,
                identity=options.identity,
                operator_image=options.operator_image,
                pod_monitor_labels=options.pod_monitor_labels,
                prometheus_url=options.prometheus_url,
            )
            return Supervisor(registry, lambda key: ServiceLoop(key, deps), metrics)

        services = ServiceList(cluster, options.namespaces)
        watch = Watch(registry, options.namespaces)
        leading = Leading(services, registry, metrics, supervise)
        elector = Elector(_candidate(options), leading.lead, leading.follow)
        app = application(metrics, alive(elector, leading, watch.hearing), ready(listed, elector))
        loads = Loads(registry)
        add_live_page(app, registry, loads)
        runner = await serve(app, options.host, options.port)
        log.info("listening on %s:%d", options.host, options.port)
        try:
            await _together(
                stop,
                elector.run(),
                relist(registry, services, listed, watch),
                watch.run(),
                loads.keep(),
                _measure_lag(metrics),
            )
        finally:
            fits.close()
            await runner.cleanup()
    log.info("stopped")


def _candidate(options: OperatorOptions) -> Candidate:
    """With a connection and a thread of its own, lest a lack of either cost the Lease."""
    times = options.election_times
    cluster = Cluster.connect(
        timeout_seconds=times.renew_deadline_seconds / 2,
        at_once=1,
    )
    lease = LeaseStore(cluster, options.home or cluster.namespace, options.name, times)
    return Candidate(lease, f"{options.pod}_{uuid4().hex[:8]}", times)


NOT_LISTED = "PDInferenceServices have not been listed yet"


def alive(elector: Elector, leading: Leading, hearing: Hearing) -> Check:
    """The liveness check: election and supervisor still turn, and the watch hears."""

    def check() -> str | None:
        return (
            stalled("the election", elector)
            or stalled("the supervisor", leading.beating)
            or hearing.fault()
        )

    return check


def ready(listed: asyncio.Event, elector: Elector) -> Check:
    """The readiness check: whether this process acts, or could at once."""
    return lambda: elector.fault if listed.is_set() else NOT_LISTED


async def _together(stop: asyncio.Event, *works: Coroutine[Any, Any, None]) -> None:
    """Run until `stop`, or until one of the works ends, which none should."""
    tasks = [asyncio.create_task(work) for work in works]
    waiting = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {waiting}:
            task.result()
            raise RuntimeError(f"{task.get_coro()} ended")
    finally:
        for task in (waiting, *tasks):
            task.cancel()
        await asyncio.gather(waiting, *tasks, return_exceptions=True)


async def _measure_lag(metrics: OperatorMetrics) -> None:
    while True:
        before = time.monotonic()
        await asyncio.sleep(LOOP_LAG_PERIOD_SECONDS)
        metrics.loop_lag.set(time.monotonic() - before - LOOP_LAG_PERIOD_SECONDS)
