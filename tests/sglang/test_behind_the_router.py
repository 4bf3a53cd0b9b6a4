"""What SGLang's router does before real workers, as it does before simulated ones."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.contract.engine.asking_the_router import (
    COMPLETIONS,
    REFUSED,
    counted,
    leave_a_stream,
    refusal,
)

from pd_e2e.engine.processes import Process, until, write_worker_table

Pair = tuple[Process, Process]
Router = tuple[Process, Path]


def workers(router: Process) -> int:
    return int(router.get_json("/workers")["total"])


@pytest.mark.parametrize("what", REFUSED)
def test_the_router_refuses_by_itself(router: Router, what: str) -> None:
    path, body, status, code = REFUSED[what]
    assert refusal(router[0].post(path, body)) == (status, code)


def test_a_client_that_hangs_up_is_a_499_and_both_workers_give_it_up(
    real: Pair, router: Router
) -> None:
    failures = counted(router[0], "smg_worker_cb_outcomes_total", outcome="failure")
    leave_a_stream(router[0], 1500)
    left = {"path": COMPLETIONS, "status_code": "499"}
    until(lambda: counted(router[0], "smg_http_responses_total", **left) == 1, "it is counted")
    assert counted(router[0], "smg_worker_cb_outcomes_total", outcome="failure") == failures
    until(lambda: not any(worker.load()["num_running_reqs"] for worker in real), "given up", 60)


def test_a_worker_out_of_the_table_is_out_of_sight_while_it_still_streams(
    real: Pair, router: Router
) -> None:
    """Whether it is idle is the worker's own to say. Without workers no model is known."""
    smg, table = router
    body = {"model": "model", "prompt": "ab", "max_tokens": 1800, "ignore_eos": True}
    with ThreadPoolExecutor(1) as threads:
        streaming = threads.submit(smg.post, COMPLETIONS, body, 120.0)
        until(lambda: real[1].load()["num_running_reqs"] == 1, "it runs", 60)
        write_worker_table(table, [], [])
        until(lambda: workers(smg) == 0, "the router has forgotten them", 60)
        assert real[1].load()["num_running_reqs"] == 1
        asked = smg.post(COMPLETIONS, {"model": "model", "prompt": "ab"})
        assert refusal(asked) == (404, "model_not_found")
        status, text = streaming.result()
    assert (status, json.loads(text)["usage"]["completion_tokens"]) == (200, 1800)
    write_worker_table(table, real[:1], real[1:])
    until(lambda: workers(smg) == 2, "the router has both again", 60)
