"""What the steps know of a worker, read from its pod."""

from typing import Any

import pytest

from pd_operator.actuation.workers import Worker, read_worker
from pd_operator.scaling.observation import Unknown

SILENT = Unknown("EngineUnreachable", "engine", "no answer")
ANNOTATIONS = "serving.pd-operator.io"


def read(
    *,
    ready: str = "True",
    containers: list[dict[str, Any]] | None = None,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
) -> Worker:
    pod = {
        "metadata": {"name": "chat-decode-1", "labels": labels, "annotations": annotations},
        "status": {
            "conditions": [{"type": "Ready", "status": ready}],
            "containerStatuses": containers,
        },
    }
    worker = read_worker(pod, SILENT)
    assert worker is not None
    return worker


def test_a_worker_in_service_is_ready_started_and_not_on_its_way_out() -> None:
    worker = read(containers=[{"started": True}])
    assert (worker.ready, worker.started, worker.draining) == (True, True, False)
    assert worker.drain_deadline is worker.idle_since is None


@pytest.mark.parametrize("containers", [None, [], [{"started": False}], [{}]])
def test_a_worker_whose_engine_has_not_begun_is_not_started(
    containers: list[dict[str, Any]] | None,
) -> None:
    assert not read(ready="False", containers=containers).started


def test_a_drain_in_progress_is_found_again_after_a_restart() -> None:
    worker = read(
        labels={f"{ANNOTATIONS}/traffic": "off"},
        annotations={
            f"{ANNOTATIONS}/drain-deadline": "1700000300",
            f"{ANNOTATIONS}/idle-since": "1700000012.345",
        },
    )
    assert worker.draining
    assert worker.drain_deadline == 1_700_000_300
    assert worker.idle_since == 1_700_000_012.345


def test_a_time_that_somebody_scribbled_is_as_good_as_none() -> None:
    assert read(annotations={f"{ANNOTATIONS}/drain-deadline": "soon"}).drain_deadline is None


def test_a_pod_that_is_being_deleted_is_no_worker_any_more() -> None:
    leaving = {"metadata": {"name": "chat-decode-1", "deletionTimestamp": "2026-03-01T00:00:00Z"}}
    assert read_worker(leaving, SILENT) is None
