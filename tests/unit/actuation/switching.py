"""Workers that change their role, and those that they leave behind."""

from dataclasses import replace
from typing import Any

from pd_operator.api.roles import Role
from pd_operator.scaling.observation import (
    EngineLoad,
    Known,
    Observation,
    PoolObservation,
    Unknown,
    WorkerObservation,
)

NOW = 1_000_000.0
ADDRESS = "http://127.0.0.1:30000"
SILENT = Unknown("EngineUnreachable", "engine", "no answer")


def load(mode: Role, running: int = 0, age_seconds: float = 0.0) -> Known[EngineLoad]:
    counts = dict.fromkeys(EngineLoad.__dataclass_fields__, 0)
    fields: dict[str, Any] = {**counts, "mode": mode, "running_requests": running}
    return Known(EngineLoad(**{**fields, "decode_moments": ()}), age_seconds, "engine")


def leaving(to: Role, **changes: Any) -> WorkerObservation:
    """A worker that has drained for 10 s to take the other role, and is idle since 5 s."""
    worker = WorkerObservation(
        "a",
        to,
        ADDRESS,
        traffic=False,
        load=load(to.other),
        home=to.other,
        switching=True,
        drain_started=NOW - 10,
        drain_deadline=NOW + 50,
        idle_since=NOW - 5,
    )
    return replace(worker, **changes)


def peer(role: Role) -> WorkerObservation:
    return WorkerObservation("peer", role, f"{ADDRESS}/{role}", load=load(role))


def seen(*workers: WorkerObservation) -> Observation:
    everyone = (*workers, peer(Role.DECODE), peer(Role.PREFILL))
    prefill, decode = (
        PoolObservation(role, 9, tuple(one for one in everyone if one.role is role))
        for role in (Role.PREFILL, Role.DECODE)
    )
    return Observation(NOW, SILENT, prefill, decode)
