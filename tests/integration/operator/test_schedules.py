"""A schedule has its workers whatever the load, and they go when it ends."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pd_e2e.cluster.waiting import eventually
from pd_operator.api.roles import Role

from .installed import InstalledOperator
from .service import NAME, RunningService
from .traffic import SteadyLoad

pytestmark = pytest.mark.controlplane


def test_a_schedule_has_its_workers_whatever_the_load_and_gives_them_back(
    operator: InstalledOperator, serve: Callable[..., RunningService], tmp_path: Path
) -> None:
    chat = serve()
    always = {"name": "always", "cron": "* * * * *", "durationSeconds": 3600}
    chat.edit(autoscaling={"schedules": [always | {"minDecodeReplicas": 2}]})
    chat.await_workers(prefill=1, decode=2)
    eventually(
        lambda: [m for m in chat.events("ScaledUp") if "a schedule asks for at least 2" in m]
    )
    place = {"namespace": chat.namespace, "service": NAME, "role": "decode"}
    assert operator.metric("workers", state="wanted", **place) == 2

    # No worker is removed before the load is known to need fewer.
    quiet = {"rate": 1, "input_tokens": 100, "output_tokens": 10}
    with SteadyLoad(chat.router_url, tmp_path / "load", **quiet):
        chat.edit(autoscaling={"schedules": []})
        eventually(lambda: chat.replicas(Role.DECODE) == 1)
    assert chat.replicas(Role.PREFILL) == 1
