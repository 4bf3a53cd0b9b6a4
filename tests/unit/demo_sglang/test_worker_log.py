from typing import Any

from pd_e2e.demo_sglang.worker_log import WorkerLog
from pd_operator.api.roles import Role

PREFIX = "serving.pd-operator.io"


def pod(
    name: str = "a", role: str = "prefill", *, off: bool = False, **more: Any
) -> dict[str, Any]:
    labels = {"app.kubernetes.io/component": more.get("home", "prefill"), f"{PREFIX}/role": role}
    if off:
        labels[f"{PREFIX}/traffic"] = "off"
    metadata: dict[str, Any] = {"name": name, "labels": labels, "annotations": {}}
    if more.get("idle"):
        metadata["annotations"][f"{PREFIX}/idle-since"] = "12.5"
    if more.get("going"):
        metadata["deletionTimestamp"] = "2026-11-21T10:00:00Z"
    return {"metadata": metadata, "spec": {}, "status": {}}


def looked_at(*looks: list[dict[str, Any]]) -> WorkerLog:
    log = WorkerLog()
    for second, pods in enumerate(looks):
        log.look(pods, float(second))
    return log


def test_a_worker_that_went_idle_off_traffic_has_drained() -> None:
    log = looked_at([pod()], [pod(off=True)], [pod(off=True, idle=True)], [])
    assert log.workers["a"].drained
    assert log.workers["a"].left == 3.0


def test_a_worker_that_served_and_went_with_work_left_was_cut_off() -> None:
    log = looked_at([pod()], [pod(off=True)], [pod(off=True, going=True)])
    log.workers["a"].startup_seconds = 50.0
    assert log.workers["a"].left == 2.0
    assert log.workers["a"].cut
    assert not log.workers["a"].drained


def test_a_worker_that_is_idle_when_it_goes_has_drained_however_seldom_one_looks() -> None:
    log = looked_at([pod()], [pod(off=True, going=True, idle=True)])
    assert log.workers["a"].drained


def test_a_worker_that_never_served_is_not_cut_off() -> None:
    assert not looked_at([pod()], []).workers["a"].cut


def test_a_worker_that_comes_back_in_the_other_role_has_flipped() -> None:
    log = looked_at(
        [pod()],
        [pod(off=True)],
        [pod(off=True)],
        [pod(role="decode", off=True)],
        [pod(role="decode")],
        [pod(role="decode", off=True)],
        [pod(role="prefill")],
    )
    assert [(flip.role, flip.at, flip.seconds) for flip in log.flips] == [
        (Role.DECODE, 4.0, 3.0),
        (Role.PREFILL, 6.0, 1.0),
    ]
    assert log.workers["a"].left is None


def test_a_drain_that_was_called_off_is_no_flip() -> None:
    log = looked_at([pod()], [pod(off=True)], [pod()])
    assert not log.flips
    assert log.workers["a"].off_since is None


def test_the_router_is_no_worker() -> None:
    assert not looked_at([pod(role="router", home="router")]).workers
