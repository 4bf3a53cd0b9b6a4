"""One pod on its node, from binding to deletion."""

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pd_e2e.nodes.addresses import AddressPool
from pd_e2e.nodes.api import ApiError, ApiUnavailableError, Json
from pd_e2e.nodes.backoff import BackoffPolicy
from pd_e2e.nodes.clock import now
from pd_e2e.nodes.container import Container, RestartPolicy
from pd_e2e.nodes.credentials import TOKEN_SECONDS, TokenIssuer, has_credentials
from pd_e2e.nodes.environment import MissingReferenceError
from pd_e2e.nodes.events import EventRecorder, EventType, PodEvent
from pd_e2e.nodes.node import HOST_IP, NodeShape
from pd_e2e.nodes.podfacts import PodFacts, UnknownFieldError
from pd_e2e.nodes.reporter import StatusReporter
from pd_e2e.nodes.states import ContainerStatus, PodStatus, Terminated, Waiting
from pd_e2e.nodes.surroundings import Services, Surroundings
from pd_e2e.nodes.volumes import PodVolumes

_log = logging.getLogger(__name__)
_RETRY_SECONDS = 1.0
_VANISHED_GRACE_SECONDS = 1.0


@dataclass(frozen=True)
class PodHost:
    """What a node gives to its pods."""

    services: Services
    addresses: AddressPool
    events: EventRecorder
    shape: NodeShape
    backoff: BackoffPolicy
    root: Path


class Pod:
    """Runs one pod's containers and keeps its status true."""

    def __init__(self, pod: Json, host: PodHost) -> None:
        self._pod = pod
        self._host = host
        metadata, status = pod["metadata"], pod.get("status", {})
        self._reporter = StatusReporter(host.services.api, pod)
        self._start_time: str = status.get("startTime") or now()
        self._address = host.addresses.acquire(status.get("podIP"))
        self._directory = host.root / f"{metadata['namespace']}_{metadata['name']}"
        facts = PodFacts(pod, self._address.text, HOST_IP, host.shape.allocatable())
        self._issuer = TokenIssuer(host.services.api, pod)
        self._volumes = PodVolumes(
            host.services.api, facts, self._issuer, self._directory / "volumes"
        )
        self._surroundings = Surroundings(
            host.services, facts, self._volumes.directories, self._directory
        )
        self._init = self._containers("initContainers", "initContainerStatuses")
        self._main = self._containers("containers", "containerStatuses")
        self._initialized = False
        self._ended = False
        self._vanished = False
        self._deletion = asyncio.Event()
        self._stopping_grace: float | None = None
        self._hurrying: set[asyncio.Task[None]] = set()

    # What the agent tells.

    def observed(self, pod: Json) -> None:
        """Take the pod as the API shows it now; a deletion time on it ends the pod."""
        self._pod = pod
        self._reporter.observed(pod)
        if "deletionTimestamp" in pod["metadata"]:
            self._end_is_wanted()

    def vanished(self) -> None:
        """Take notice that the API has forgotten the pod: what still runs is to end now."""
        self._vanished = True
        self._end_is_wanted()

    def kill(self) -> None:
        """SIGKILL to every process, and start none any more."""
        for container in (*self._main, *self._init):
            container.kill()

    # The course of a pod.

    async def run(self) -> None:
        """Run the pod until it is deleted from the API."""
        tasks = [asyncio.create_task(self._reporter.run()), asyncio.create_task(self._live())]
        for task in tasks:
            task.add_done_callback(self._log_fault)
        try:
            if "deletionTimestamp" not in self._pod["metadata"]:
                await self._deletion.wait()
            await self._stop()
        finally:
            for task in tasks:
                task.cancel()
            self.kill()
            self._address.release()
        await self._depart()
        shutil.rmtree(self._directory / "volumes", ignore_errors=True)

    async def _live(self) -> None:
        self._report()
        await self._set_up()
        async with asyncio.TaskGroup() as group:
            renewal = group.create_task(self._renew_credentials())
            await self._run_containers(group)
            renewal.cancel()

    def _log_fault(self, task: asyncio.Task[None]) -> None:
        """Say why a pod stands still; its other half, and the other pods, go on."""
        if not task.cancelled() and (error := task.exception()):
            _log.error("fault in pod %s", self._directory.name, exc_info=error)

    async def _run_containers(self, group: asyncio.TaskGroup) -> None:
        """Run init containers one after the other, then the main ones, until all rest for good."""
        sidecars: list[Container] = []
        for container in self._init:
            running = group.create_task(container.run())
            if _is_sidecar(container.spec):
                sidecars.append(container)
                await container.has_started.wait()
                continue
            await running
            if not _completed(container):
                await self._rest(sidecars)
                return
        self._initialized = True
        self._report()
        await asyncio.gather(*(container.run() for container in self._main))
        await self._rest(sidecars)

    async def _rest(self, sidecars: Iterable[Container]) -> None:
        if not self._deletion.is_set():
            await _stop_in_turn(sidecars, self._spec_grace_seconds)
            self._ended = True
            self._report()

    async def _set_up(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        await self._insist(self._volumes.prepare)
        if self._needs_credentials:
            await self._insist(self._write_kubeconfig)

    async def _renew_credentials(self) -> None:
        while True:
            await asyncio.sleep(TOKEN_SECONDS / 2)
            for token in self._volumes.tokens:
                await self._insist(partial(token.write, self._issuer))
            if self._needs_credentials:
                await self._insist(self._write_kubeconfig)

    async def _write_kubeconfig(self) -> None:
        await self._issuer.write_kubeconfig(self._surroundings.kubeconfig)

    async def _insist(self, action: Callable[[], Awaitable[None]]) -> None:
        """Do something that needs the API server or its objects, as often as it takes."""
        while True:
            try:
                return await action()
            except (MissingReferenceError, UnknownFieldError, ApiError) as error:
                self._emit(EventType.WARNING, "FailedMount", str(error), None)
                await asyncio.sleep(self._host.backoff.base_seconds)
            except ApiUnavailableError:
                await asyncio.sleep(_RETRY_SECONDS)

    # The end of a pod.

    def _end_is_wanted(self) -> None:
        """Begin to stop, or stop sooner if the grace period has become shorter since."""
        self._deletion.set()
        if self._stopping_grace is None or self._grace_seconds >= self._stopping_grace:
            return
        self._stopping_grace = self._grace_seconds
        for container in (*self._main, *self._init):
            task = asyncio.create_task(container.stop(self._grace_seconds))
            self._hurrying.add(task)
            task.add_done_callback(self._hurrying.discard)

    async def _stop(self) -> None:
        """Main containers first, all at once; then those before them, the last one first."""
        self._deletion.set()
        self._stopping_grace = self._grace_seconds
        await asyncio.gather(*(container.stop(self._grace_seconds) for container in self._main))
        await _stop_in_turn(self._init, self._grace_seconds)

    async def _depart(self) -> None:
        """Report the end, and let the API forget the pod."""
        if self._vanished:
            return
        self._ended = True
        self._report()
        await self._reporter.flush()
        metadata = self._pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
        while not self._vanished:
            try:
                await self._host.services.api.delete(path, options)
            except ApiUnavailableError:
                await asyncio.sleep(_RETRY_SECONDS)
            except ApiError as error:
                if error.status in (404, 409):
                    return
                _log.warning("pod %s not deleted: %s", path, error)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return

    # What is known.

    def _containers(self, key: str, status_key: str) -> list[Container]:
        spec, statuses = self._pod["spec"], self._pod.get("status", {}).get(status_key, ())
        previous = {status["name"]: status for status in statuses}
        policy = RestartPolicy(spec.get("restartPolicy", RestartPolicy.ALWAYS))
        first = "ContainerCreating"
        if key == "containers" and spec.get("initContainers"):
            first = "PodInitializing"
        return [
            Container(
                spec=container,
                surroundings=self._surroundings,
                status=ContainerStatus(
                    container["name"], container["image"], Waiting(first)
                ).resumed_after(previous.get(container["name"])),
                restart_policy=_own_policy(container, policy, is_init=key == "initContainers"),
                backoff=self._host.backoff,
                grace_seconds=self._spec_grace_seconds,
                changed=self._report,
                emit=self._emit,
            )
            for container in spec.get(key, ())
        ]

    def _report(self) -> None:
        status = PodStatus(
            pod_ip=self._address.text,
            host_ip=HOST_IP,
            start_time=self._start_time,
            init_containers=tuple(container.status for container in self._init),
            sidecars=frozenset(c.name for c in self._init if _is_sidecar(c.spec)),
            containers=tuple(container.status for container in self._main),
            initialized=self._initialized,
            ended=self._ended,
        )
        self._reporter.known(status)

    def _emit(self, kind: EventType, reason: str, message: str, container: str | None) -> None:
        self._host.events.record(PodEvent(self._pod, container, kind, reason, message))

    @property
    def _needs_credentials(self) -> bool:
        return any(has_credentials(container.spec) for container in (*self._main, *self._init))

    @property
    def _spec_grace_seconds(self) -> float:
        return float(self._pod["spec"].get("terminationGracePeriodSeconds", 30))

    @property
    def _grace_seconds(self) -> float:
        if self._vanished:
            return _VANISHED_GRACE_SECONDS
        grace = self._pod["metadata"].get("deletionGracePeriodSeconds")
        return self._spec_grace_seconds if grace is None else float(grace)


def _is_sidecar(spec: Json) -> bool:
    return spec.get("restartPolicy") == RestartPolicy.ALWAYS


def _completed(container: Container) -> bool:
    state = container.status.state
    return isinstance(state, Terminated) and state.exit_code == 0


def _own_policy(spec: Json, of_pod: RestartPolicy, *, is_init: bool) -> RestartPolicy:
    if _is_sidecar(spec):
        return RestartPolicy.ALWAYS
    if is_init and of_pod is RestartPolicy.ALWAYS:
        return RestartPolicy.ON_FAILURE
    return of_pod


async def _stop_in_turn(containers: Iterable[Container], grace_seconds: float) -> None:
    for container in reversed(list(containers)):
        await container.stop(grace_seconds)
