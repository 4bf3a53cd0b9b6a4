"""What a pod tells of its role: which it has, which it is to take, and whether it can."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from pd_operator.api.arguments import ONE_CACHE_FLAGS, ROLE_SWITCH_FLAG
from pd_operator.api.names import (
    ANNOTATION_ROLE_SINCE,
    ANNOTATION_SWITCH_REFUSED,
    ANNOTATION_SWITCH_TO,
    LABEL_COMPONENT,
)
from pd_operator.api.pods import (
    ENGINE_CONTAINER,
    Pod,
    annotation,
    host_spellings,
    label,
    number,
    role_of,
    spelling_number,
    takes_traffic,
)
from pd_operator.api.roles import Role
from pd_operator.telemetry.startup import unix_seconds

BACKEND_FLAG = "--disaggregation-transfer-backend"
SWITCHING_BACKENDS = ("mooncake", "mooncake_tcp", "mori")
"""Those that SGLang 0.5.23 switches with; mooncake is the default."""

REFUSED_SECONDS = 600.0
"""A worker that could not leave its role is not asked again for so long."""


def home_role(pod: Pod) -> Role | None:
    """The role that the pod was made for; None for a pod that is no worker of ours."""
    return role_of(label(pod, LABEL_COMPONENT))


def switch_target(pod: Pod) -> Role | None:
    """The role that the pod is about to take; None where it keeps its own."""
    return None if takes_traffic(pod) else role_of(annotation(pod, ANNOTATION_SWITCH_TO))


def own_role_again(pod: Pod) -> bool:
    """Whether the engine has ended since the pod took a role that is not its own."""
    since = number(annotation(pod, ANNOTATION_ROLE_SINCE))
    return since is not None and any(
        not (started := _running_since(status)) or unix_seconds(started) > since
        for status in pod.get("status", {}).get("containerStatuses") or ()
        if status.get("name") == ENGINE_CONTAINER
    )


def can_switch(pod: Pod, role: Role, home: Role, now_seconds: float) -> bool:
    """Whether the pod can take the other role than `role`, and come back to its own.

    Told from its command line: a server that runs with the flag knows it.
    """
    refused = number(annotation(pod, ANNOTATION_SWITCH_REFUSED))
    if refused is not None and now_seconds - refused < REFUSED_SECONDS:
        return False
    arguments = list(_engine_arguments(pod))
    if ROLE_SWITCH_FLAG not in arguments or _backend(arguments) not in SWITCHING_BACKENDS:
        return False
    if home is Role.PREFILL and not any(flag in arguments for flag in ONE_CACHE_FLAGS):
        return False
    return _is_fresh(pod, role, home)


def _is_fresh(pod: Pod, role: Role, home: Role) -> bool:
    """Whether there is a spelling of the host for its next stay as a prefill, if there is one."""
    left = len(host_spellings(pod)) - spelling_number(pod)
    if role is Role.DECODE:
        return left > 0
    return home is Role.DECODE or left > 1


def _running_since(status: Mapping[str, Any]) -> str | None:
    running: Mapping[str, str] = (status.get("state") or {}).get("running") or {}
    return running.get("startedAt")


def _backend(arguments: Sequence[str]) -> str:
    given = [value for flag, value in pairwise(arguments) if flag == BACKEND_FLAG]
    joined = [one.split("=", 1)[1] for one in arguments if one.startswith(f"{BACKEND_FLAG}=")]
    return (given + joined + [SWITCHING_BACKENDS[0]])[0]


def _engine_arguments(pod: Pod) -> Iterator[str]:
    containers: Sequence[Mapping[str, Any]] = pod.get("spec", {}).get("containers") or ()
    for container in containers:
        if container.get("name") == ENGINE_CONTAINER:
            yield from container.get("args") or ()
