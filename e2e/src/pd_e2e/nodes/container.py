"""Keeps one container of a pod running, as its restart policy says."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum

from pd_e2e.nodes.actions import Outcome
from pd_e2e.nodes.api import ApiError, ApiUnavailableError, Json
from pd_e2e.nodes.backoff import Backoff, BackoffPolicy
from pd_e2e.nodes.clock import now
from pd_e2e.nodes.environment import MissingReferenceError
from pd_e2e.nodes.events import EventType
from pd_e2e.nodes.last_words import last_words
from pd_e2e.nodes.life import ContainerLife
from pd_e2e.nodes.podfacts import UnknownFieldError
from pd_e2e.nodes.process import PodProcess
from pd_e2e.nodes.states import ContainerStatus, Running, Terminated, Waiting
from pd_e2e.nodes.surroundings import Launch, Surroundings, UnknownImageError

_API_RETRY_SECONDS = 1.0
_CANNOT_START = 128

Emit = Callable[[EventType, str, str, str | None], None]
"""Records an event: type, reason, message, container."""


class RestartPolicy(StrEnum):
    """When a container that ended is started again."""

    ALWAYS = "Always"
    ON_FAILURE = "OnFailure"
    NEVER = "Never"

    def restarts_after(self, exit_code: int) -> bool:
        """Whether a container that ended with this code is started again."""
        if self is RestartPolicy.ON_FAILURE:
            return exit_code != 0
        return self is RestartPolicy.ALWAYS


class Container:
    """One container: its lives, the pauses between them, and its status."""

    def __init__(
        self,
        spec: Json,
        surroundings: Surroundings,
        status: ContainerStatus,
        restart_policy: RestartPolicy,
        backoff: BackoffPolicy,
        grace_seconds: float,
        changed: Callable[[], None],
        emit: Emit,
    ) -> None:
        self.spec = spec
        self.status = status
        self.has_started = asyncio.Event()
        """Set once the startup probe has succeeded; what comes after a sidecar waits for it."""
        self._surroundings = surroundings
        self._restart_policy = restart_policy
        self._backoff_policy = backoff
        self._backoff = Backoff(backoff)
        self._grace_seconds = grace_seconds
        self._changed = changed
        self._emit = emit
        self._stopping = asyncio.Event()
        self._life: ContainerLife | None = None
        self._resting = asyncio.Event()

    @property
    def name(self) -> str:
        """The container's name in its pod."""
        return self.status.name

    async def run(self) -> None:
        """Run until `stop`, or until the restart policy lets the container rest."""
        while (launch := await self._prepared()) is not None:
            began = asyncio.get_running_loop().time()
            ended = await self._live(launch)
            if self._stopping.is_set() or not self._restart_policy.restarts_after(ended.exit_code):
                return
            await self._pause_before_restart(ended, asyncio.get_running_loop().time() - began)

    async def stop(self, grace_seconds: float) -> None:
        """Take the container down within the grace period, and start it no more."""
        self._stopping.set()
        if self._life is None or self._resting.is_set():
            return
        self._event(EventType.NORMAL, "Killing", f"Stopping container {self.name}")
        await self._life.terminate(grace_seconds)
        await self._resting.wait()

    def kill(self) -> None:
        """SIGKILL at once, and start it no more."""
        self._stopping.set()
        if self._life is not None:
            self._life.process.kill()

    # What happens during a life (LifeObserver).

    def started(self) -> None:
        """Note that the container has started up."""
        self.has_started.set()
        self._show(replace(self.status, started=True))

    def ready(self, ready: bool) -> None:
        """Note readiness."""
        self._show(replace(self.status, ready=ready))

    def probe_failed(self, kind: str, outcome: Outcome) -> None:
        """Tell of a failed probe."""
        self._event(EventType.WARNING, "Unhealthy", f"{kind} probe failed: {outcome.message}")

    def condemned(self, kind: str) -> None:
        """Tell why the container is killed."""
        message = f"Container {self.name} failed {kind} probe, will be restarted"
        self._event(EventType.NORMAL, "Killing", message)

    def pre_stop_failed(self, outcome: Outcome) -> None:
        """Tell of a failed hook."""
        self._event(EventType.WARNING, "FailedPreStopHook", outcome.message)

    # From one life to the next.

    async def _prepared(self) -> Launch | None:
        """Return what to start, as soon as all of it is there; None when it is to stop."""
        attempt = 0
        while not self._stopping.is_set():
            try:
                launch = await self._surroundings.prepare(self.spec)
                return None if self._stopping.is_set() else launch
            except UnknownImageError as error:
                self._image_missing(error, attempt)
            except (MissingReferenceError, UnknownFieldError) as error:
                state = Waiting("CreateContainerConfigError", str(error))
                self._show(replace(self.status, state=state))
                self._event(EventType.WARNING, "Failed", f"Error: {error}")
            except (ApiError, ApiUnavailableError):
                await self._pause(_API_RETRY_SECONDS)
                continue
            await self._pause(self._backoff_policy.base_seconds)
            attempt += 1
        return None

    def _image_missing(self, error: UnknownImageError, attempt: int) -> None:
        image = self.spec["image"]
        if attempt == 0:
            self._show(replace(self.status, state=Waiting("ErrImagePull", str(error))))
            self._event(EventType.WARNING, "Failed", f'Failed to pull image "{image}": {error}')
            self._event(EventType.WARNING, "Failed", "Error: ErrImagePull")
        else:
            message = f'Back-off pulling image "{image}": {error}'
            self._show(replace(self.status, state=Waiting("ImagePullBackOff", message)))
            self._event(EventType.NORMAL, "BackOff", f'Back-off pulling image "{image}"')
            self._event(EventType.WARNING, "Failed", "Error: ImagePullBackOff")

    async def _live(self, launch: Launch) -> Terminated:
        """Run one life, and return its end."""
        self._surroundings.keep_previous_log(self.name)
        started_at = now()
        image = self.spec["image"]
        self._event(
            EventType.NORMAL, "Pulled", f'Container image "{image}" already present on machine'
        )
        try:
            process = PodProcess(
                launch.command,
                self._surroundings.log(self.name),
                self._surroundings.services.lifeline,
            )
        except OSError as error:
            return self._could_not_start(error, started_at)
        self._resting.clear()
        self._life = ContainerLife(self.spec, launch, process, self, self._grace_seconds)
        self._show(replace(self.status, state=Running(started_at), process_id=process.pid))
        self._event(EventType.NORMAL, "Created", "Container created")
        self._event(EventType.NORMAL, "Started", "Container started")
        exit_code = await self._life.run()
        message = last_words(self.spec, exit_code, self._surroundings.log(self.name))
        return self._ended(Terminated.after_exit(exit_code, started_at, message))

    def _could_not_start(self, error: OSError, started_at: str) -> Terminated:
        self._event(EventType.WARNING, "Failed", f"Error: {error}")
        end = Terminated(_CANNOT_START, "StartError", started_at, now(), str(error))
        return self._ended(end)

    def _ended(self, state: Terminated) -> Terminated:
        self.has_started.clear()
        self._resting.set()
        self._show(replace(self.status, state=state, started=False, ready=False))
        return state

    async def _pause_before_restart(self, ended: Terminated, ran_seconds: float) -> None:
        self.status = replace(self.status, last_termination=ended)
        delay = self._backoff.delay_seconds(ran_seconds)
        if delay:
            message = f"back-off {delay:g}s restarting failed container={self.name}"
            self._show(replace(self.status, state=Waiting("CrashLoopBackOff", message)))
            message = f"Back-off restarting failed container {self.name}"
            self._event(EventType.WARNING, "BackOff", message)
            await self._pause(delay)
        if not self._stopping.is_set():
            self._show(replace(self.status, restart_count=self.status.restart_count + 1))

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    def _show(self, status: ContainerStatus) -> None:
        self.status = status
        self._changed()

    def _event(self, kind: EventType, reason: str, message: str) -> None:
        self._emit(kind, reason, message, self.name)
