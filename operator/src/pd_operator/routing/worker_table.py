"""Which pods get requests, in which role: a pure function of a service's pods.

The result is the manifest that smg's file discovery reads (smg 1.13)::

    {"version": 1, "workers": [
        {"id": "<pod uid>", "url": "http://10.0.0.7:30000",
         "worker_type": "prefill", "bootstrap_port": 8998},
        {"id": "<pod uid>", "url": "http://10.0.0.8:30000", "worker_type": "decode"}]}
"""

from collections.abc import Container, Iterable
from typing import NotRequired, TypedDict

from pd_operator.api.names import ANNOTATION_BOOTSTRAP_PORT, BOOTSTRAP_PORT
from pd_operator.api.pods import (
    Pod,
    annotation,
    engine_url,
    holds,
    prefill_url,
    takes_traffic,
    terminating,
    worker_role,
)
from pd_operator.api.roles import Role
from pd_operator.routing.silence import is_silent

MANIFEST_VERSION = 1
MAX_PORT = 65535


class WorkerEntry(TypedDict):
    """One worker, in smg's words. The id stays the same when a pod changes its role."""

    id: str
    url: str
    worker_type: str
    bootstrap_port: NotRequired[int]


class WorkerTable(TypedDict):
    """The whole manifest."""

    version: int
    workers: list[WorkerEntry]


def worker_table(pods: Iterable[Pod], given_up: Container[str] = ()) -> WorkerTable:
    """The workers that get requests, prefill first, each role in order of pod name.

    `given_up`: uids of pods whose nodes have been silent for too long (`routing.silence`).
    """
    candidates = sorted(filter(_may_serve, pods), key=_name_and_uid)
    workers = [
        _entry(pod, url, role)
        for role in Role
        for pod in _serving([pod for pod in candidates if worker_role(pod) is role], given_up)
        if (url := _url(pod, role)) is not None
    ]
    return WorkerTable(version=MANIFEST_VERSION, workers=workers)


def _may_serve(pod: Pod) -> bool:
    """Whether this is a live worker that nobody has taken out of traffic."""
    running = pod.get("status", {}).get("phase") == "Running"
    return running and takes_traffic(pod) and not terminating(pod)


def _serving(pods: list[Pod], given_up: Container[str]) -> list[Pod]:
    """The pods of one role that are ready, or silent and not given up; if none, all silent ones.

    Where a role would be left without any worker, the kubelet's last word counts: the containers
    most likely still serve, and a wrong guess costs nothing that an empty role would not cost as
    well. And pods are not taken out and put back as they are marked and unmarked one by one: the
    router takes seconds to add a worker, and has none meanwhile.
    """
    there = [pod for pod in pods if holds(pod, "Ready") or is_silent(pod)]
    return [pod for pod in there if not _is_given_up(pod, given_up)] or there


def _is_given_up(pod: Pod, given_up: Container[str]) -> bool:
    return is_silent(pod) and pod["metadata"]["uid"] in given_up


def _url(pod: Pod, role: Role) -> str | None:
    return prefill_url(pod) if role is Role.PREFILL else engine_url(pod)


def _entry(pod: Pod, url: str, role: Role) -> WorkerEntry:
    entry = WorkerEntry(id=pod["metadata"]["uid"], url=url, worker_type=role.value)
    if role is Role.PREFILL:
        entry["bootstrap_port"] = _bootstrap_port(pod)
    return entry


def _bootstrap_port(pod: Pod) -> int:
    """The annotated port. One bad annotation must not make smg refuse the whole table."""
    annotated = annotation(pod, ANNOTATION_BOOTSTRAP_PORT) or ""
    if annotated.isascii() and annotated.isdigit() and 0 < int(annotated) <= MAX_PORT:
        return int(annotated)
    return BOOTSTRAP_PORT


def _name_and_uid(pod: Pod) -> tuple[str, str]:
    return pod["metadata"]["name"], pod["metadata"]["uid"]
