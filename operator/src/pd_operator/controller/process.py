"""The operator as a process: everything started in order, and ended in order."""

import asyncio
import logging
import signal
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp

from pd_operator.actuation.cluster import Cluster
from pd_operator.actuation.role_switch import switch_role
from pd_operator.controller.endpoints import application, serve
from pd_operator.controller.hearing import Hearing
from pd_operator.controller.registry import Registry
from pd_operator.controller.service_loop import LoopDependencies, ServiceLoop
from pd_operator.controller.status.metrics import OperatorMetrics
from pd_operator.controller.supervisor import Supervisor
from pd_operator.controller.tick.fit_pool import FitPool
from pd_operator.controller.tick.observer import Observer
from pd_operator.controller.watch import Watch, relist

LOOP_LAG_PERIOD_SECONDS = 1.0
STALLED_SECONDS = 60.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OperatorOptions:
    """How the process runs: which namespaces (none: all), where it listens, what it gives children.

    `identity` is the same for all pods of one installation and another for every other.
    """

    namespaces: tuple[str, ...]
    host: str
    port: int
    identity: str
    operator_image: str
    pod_monitor_labels: Mapping[str, str]


async def run_operator(options: OperatorOptions) -> None:
    """Run until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    metrics, registry, listed = OperatorMetrics(), Registry(), asyncio.Event()
    cluster, fits = Cluster.connect(), FitPool()
    async with aiohttp.ClientSession() as session:
        deps = LoopDependencies(
            cluster=cluster,
            registry=registry,
            observer=Observer(cluster, session),
            switch_role=partial(switch_role, session),
            fits=fits,
            metrics=metrics,
            identity=options.identity,
            operator_image=options.operator_image,
            pod_monitor_labels=options.pod_monitor_labels,
        )
        supervisor = Supervisor(registry, lambda key: ServiceLoop(key, deps), metrics)
        watch = Watch(registry, options.namespaces)
        app = application(
            metrics,
            alive(supervisor, watch.hearing),
            lambda: None if listed.is_set() else NOT_LISTED,
        )
        runner = await serve(app, options.host, options.port)
        log.info("listening on %s:%d", options.host, options.port)
        try:
            await _together(
                stop,
                supervisor.run(),
                relist(registry, cluster, options.namespaces, listed, watch),
                watch.run(),
                _measure_lag(metrics),
            )
        finally:
            fits.close()
            await runner.cleanup()
    log.info("stopped")


NOT_LISTED = "PDInferenceServices have not been listed yet"


def alive(supervisor: Supervisor, hearing: Hearing) -> Any:
    """The liveness check: the supervisor's own loop still turns, and the watch hears."""

    def check() -> str | None:
        silent = time.monotonic() - supervisor.beat
        if silent > STALLED_SECONDS:
            return f"the supervisor has been silent for {silent:.0f} s"
        return hearing.fault()

    return check


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
