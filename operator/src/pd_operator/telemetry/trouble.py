"""Why a worker is not there, in the words of Kubernetes' own programs.

The scheduler writes its sentence into a pod's condition `PodScheduled`, the kubelet into the states
of the containers, with the end of the log of one that failed, and the controller that creates pods
into a Deployment's condition `ReplicaFailure`, where a quota or a policy refuses them.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pd_operator.api.pods import Pod, condition, holds
from pd_operator.telemetry.last_words import telling_sentence

ON_THEIR_WAY = ("ContainerCreating", "PodInitializing")
"""Reasons that the kubelet gives while nothing is wrong."""

CRASH_LOOP = "CrashLoopBackOff"
"""Its message names a pause and a pod; the exit code is in the container's last state."""

LONGEST_WORDS = 300

_PREEMPTION = re.compile(
    r"[\s.,]*(no new claims to deallocate|still not schedulable)?[\s.,]*preemption:.*", re.DOTALL
)
"""What the scheduler adds on preemption repeats what it said before."""

Container = Mapping[str, Any]


def waiting_reason(pod: Pod) -> str:
    """Why a pod is not running; empty where nobody has said that something is wrong."""
    if not holds(pod, "PodScheduled"):
        said = (condition(pod, "PodScheduled") or {}).get("message") or ""
        return _shortened(_PREEMPTION.sub("", said))
    if holds(pod, "Ready"):
        return ""
    status = pod.get("status", {})
    words = (
        *(_init_trouble(one) for one in status.get("initContainerStatuses") or ()),
        *(_trouble(one) for one in status.get("containerStatuses") or ()),
    )
    return _shortened(next(filter(None, words), ""))


def refusal(deployment: Mapping[str, Any]) -> str:
    """Why the API server refuses a Deployment's pods; empty where it takes them."""
    conditions: Iterable[Mapping[str, Any]] = deployment.get("status", {}).get("conditions") or ()
    said = (
        one.get("message") or one.get("reason") or ""
        for one in conditions
        if one.get("type") == "ReplicaFailure" and one.get("status") == "True"
    )
    return _shortened(next(said, ""))


def _init_trouble(container: Container) -> str:
    ended = (container.get("state") or {}).get("terminated")
    done = ended is not None and ended.get("exitCode") == 0
    return "" if done else _trouble(container)


def _trouble(container: Container) -> str:
    """What keeps one container from serving; empty where nothing is known to."""
    if container.get("ready"):
        return ""
    name, state = container.get("name", ""), container.get("state") or {}
    waiting = state.get("waiting") or {}
    ended = state.get("terminated") or (container.get("lastState") or {}).get("terminated")
    reason = waiting.get("reason", "")
    if ended and reason in ("", CRASH_LOOP):
        # Between two crashes the container runs for a while, and nothing waits.
        return f"{name}: {_crash(container, ended, reason)}"
    if reason in ("", *ON_THEIR_WAY):
        return ""
    return ": ".join(filter(None, (name, reason, waiting.get("message"))))


def _crash(container: Container, ended: Mapping[str, Any], reason: str) -> str:
    count = container.get("restartCount", 0)
    restarts = "1 restart" if count == 1 else f"{count} restarts"
    code, why = ended.get("exitCode"), ended.get("reason", "no reason given")
    told = f"{reason or 'ended'}: exit code {code} ({why}), {restarts}"
    said = telling_sentence(ended.get("message") or "")
    return f"{told}: {said}" if said else told


def _shortened(words: str) -> str:
    """One line without a full stop at its end."""
    line = " ".join(words.split()).rstrip(".,; ")
    return line if len(line) <= LONGEST_WORDS else f"{line[: LONGEST_WORDS - 1]}…"
