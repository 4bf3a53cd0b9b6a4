"""Workers change their role and come home, under load, and no request notices."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pd_e2e.cluster.waiting import eventually
from pd_operator.api.roles import Role

from .installed import InstalledOperator
from .service import NAME, RunningService
from .traffic import LongAnswers, SteadyLoad

pytestmark = pytest.mark.controlplane

Serve = Callable[..., RunningService]


def deployed(chat: RunningService) -> tuple[int, int]:
    return chat.replicas(Role.PREFILL), chat.replicas(Role.DECODE)


def test_a_shift_of_the_mix_is_answered_by_workers_that_are_there_and_back_again(
    operator: InstalledOperator, serve: Serve, tmp_path: Path
) -> None:
    chat = serve(prefill={"minReplicas": 2}, autoscaling={"roleFlips": "Enabled"})
    load = SteadyLoad(chat.router_url, tmp_path / "load", rate=3, input_tokens=50, output_tokens=10)
    with load:
        eventually(lambda: chat.status.forecast is not None, timeout_seconds=60)
        # Until then all were held; the scale-down window of 4 s forgets that.
        operator.await_ticks(chat.namespace, 4)
        workers = chat.workers()
        chat.edit(prefill={"minReplicas": 1}, decode={"minReplicas": 2})
        chat.await_workers(prefill=1, decode=2)
        assert chat.workers() == workers, "nobody was started or removed"
        assert deployed(chat) == (2, 1)
        (borrowed,) = [pod for pod in chat.pods(Role.DECODE) if f"{NAME}-prefill-" in pod]
        eventually(lambda: chat.pool_status(Role.DECODE).flipped == 1)
        assert [m for m in chat.events("RoleSwitched") if m == f"{borrowed} serves as decode now."]
        load.goes_on(15)

        # A loan lasts for its shortest time at least.
        load.goes_on(requests_more=200, timeout_seconds=120)
        # 23 ms a token: some twenty seconds, in which the operator goes and comes.
        answers = LongAnswers(chat.router_url, count=6, tokens=900)
        eventually(lambda: chat.running_requests(Role.DECODE, borrowed) >= 1)
        chat.edit(prefill={"minReplicas": 2}, decode={"minReplicas": 1})
        eventually(lambda: chat.draining(Role.DECODE) == [borrowed])
        operator.stop()
        assert answers.all_run, "the flip waits for them"
        answers.all_complete()
        operator.start()

        chat.await_workers(prefill=2, decode=1)
        assert chat.workers() == workers
        assert deployed(chat) == (2, 1)
        assert chat.pool_status(Role.DECODE).flipped == 0
        # Known by another name of its host: decodes remember the first one.
        assert [url for url in chat.routed() if "[::ffff:" in url]
        load.goes_on(30)
        place = {"namespace": chat.namespace, "service": NAME}
        assert operator.metric("role_flips_total", result="RoleSwitched", **place) == 1
    assert load.failures() == []
