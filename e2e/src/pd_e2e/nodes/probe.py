"""Startup, readiness and liveness probes of one running container."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Self

from pd_e2e.nodes.actions import ActionRunner, Outcome
from pd_e2e.nodes.api import Json


@dataclass(frozen=True)
class Probe:
    """A probe of the pod's spec, with Kubernetes' defaults filled in."""

    action: Json
    initial_delay_seconds: float
    period_seconds: float
    timeout_seconds: float
    success_threshold: int
    failure_threshold: int
    grace_seconds: int | None
    """For the kill that a failed liveness or startup probe causes; None: the pod's own."""

    @classmethod
    def from_spec(cls, spec: Json) -> Self:
        """Read a probe as the API server hands it out."""
        actions = ("httpGet", "tcpSocket", "exec", "grpc")
        return cls(
            action={key: spec[key] for key in actions if key in spec},
            initial_delay_seconds=spec.get("initialDelaySeconds", 0),
            period_seconds=spec.get("periodSeconds", 10),
            timeout_seconds=spec.get("timeoutSeconds", 1),
            success_threshold=spec.get("successThreshold", 1),
            failure_threshold=spec.get("failureThreshold", 3),
            grace_seconds=spec.get("terminationGracePeriodSeconds"),
        )


async def verdicts(
    probe: Probe, runner: ActionRunner, started_at: float, on_failure: Callable[[Outcome], None]
) -> AsyncGenerator[bool]:
    """Probe for ever, and yield a verdict each time a threshold is reached anew.

    `started_at` is the container's start in the event loop's time; `on_failure` hears of every
    failed attempt, whether or not it reaches the threshold.
    """
    loop = asyncio.get_running_loop()
    await asyncio.sleep(started_at + probe.initial_delay_seconds - loop.time())
    verdict: bool | None = None
    streak_of, streak = False, 0
    while True:
        due = loop.time() + probe.period_seconds
        outcome = await runner.run(probe.action, probe.timeout_seconds)
        if not outcome.succeeded:
            on_failure(outcome)
        streak = streak + 1 if outcome.succeeded == streak_of else 1
        streak_of = outcome.succeeded
        threshold = probe.success_threshold if streak_of else probe.failure_threshold
        if streak >= threshold and streak_of is not verdict:
            verdict = streak_of
            yield verdict
        await asyncio.sleep(due - loop.time())
