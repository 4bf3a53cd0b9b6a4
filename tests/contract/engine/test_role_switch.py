"""`/pd_role_switch`: its conditions, its words, and what stays behind."""

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pd_e2e.engine.processes import Fleet, Process, send_to_pair, until

TO_DECODE = {"new_role": "decode", "decode_cuda_graph_memory_gb": 0}
TO_PREFILL = {"new_role": "prefill"}


def switch(worker: Process, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    status, text = worker.post("/pd_role_switch", body)
    return status, json.loads(text)


def completes(prefill: Process, decode: Process, room: int) -> bool:
    body = {"prompt": f"request {room}", "max_tokens": 5, "bootstrap_room": room}
    answers = send_to_pair(prefill, decode, "/v1/completions", body)
    return [status for status, _ in answers] == [200, 200]


def test_a_pair_swaps_roles_and_back(fleet: Fleet) -> None:
    one, other = fleet.pair("--enable-pd-role-switch")
    assert completes(one, other, 1)
    assert switch(one, TO_DECODE) == (
        200,
        {
            "rid": None,
            "http_worker_ipc": None,
            "success": True,
            "message": "ok",
            "old_role": "prefill",
            "new_role": "decode",
            "safe_to_restore": False,
        },
    )
    assert switch(other, TO_PREFILL)[0] == 200
    assert completes(other, one, 2)
    assert one.get_json("/model_info")["disaggregation_mode"] == "decode"
    assert one.queues()["mode"] == "decode"
    info = one.get_json("/server_info")
    assert info["disaggregation_mode"] == "prefill"
    assert info["internal_states"][0]["disaggregation_mode"] == "decode"
    assert switch(one, TO_PREFILL)[0] == 200
    assert switch(other, TO_DECODE)[0] == 200
    assert completes(one, other, 3)


def test_after_a_flip_the_latencies_stay_under_the_start_up_role(fleet: Fleet) -> None:
    one, other = fleet.pair("--enable-pd-role-switch")
    switch(one, TO_DECODE)
    switch(other, TO_PREFILL)
    body = {"prompt": "x", "max_tokens": 5, "stream": True, "bootstrap_room": 1}
    send_to_pair(other, one, "/v1/completions", body)
    metrics = one.get("/metrics")[1]
    assert 'time_to_first_token_seconds_count{engine_type="prefill"' in metrics
    assert 'num_running_reqs{engine_type="dynamic"' in metrics


def test_a_server_that_is_not_idle_is_refused_and_may_be_asked_again(fleet: Fleet) -> None:
    one, _ = fleet.pair("--enable-pd-role-switch")
    with ThreadPoolExecutor(1) as threads:
        body = {"prompt": "x", "bootstrap_host": one.host, "bootstrap_room": 1}
        threads.submit(one.post, "/v1/completions", body)
        until(lambda: one.load()["num_waiting_reqs"] == 1, "it waits")
        status, answer = switch(one, TO_DECODE)
        assert status == 400
        assert answer["message"] == "instance is not idle; drain all requests before switching"
        assert answer["safe_to_restore"] is True
        one.post("/abort_request", {"abort_all": True})
    until(lambda: switch(one, TO_DECODE)[0] == 200, "it switches when idle")


@pytest.mark.parametrize(
    ("flags", "body", "says"),
    [
        ((), TO_DECODE, "--enable-pd-role-switch is not set on this server"),
        (
            ("--enable-pd-role-switch", "--disaggregation-transfer-backend", "nixl"),
            TO_DECODE,
            "transfer backend 'nixl' does not support runtime role switch",
        ),
        (
            ("--enable-pd-role-switch",),
            {"new_role": "decode"},
            "decode_cuda_graph_memory_gb is required before capturing decode graphs",
        ),
        (("--enable-pd-role-switch",), {"new_role": ""}, "invalid new_role=''"),
    ],
)
def test_a_switch_that_may_not_be_is_refused(
    fleet: Fleet, flags: tuple[str, ...], body: dict[str, Any], says: str
) -> None:
    prefill = fleet.engine("prefill", *flags).until_ready()
    status, answer = switch(prefill, body)
    assert (status, answer["message"], answer["safe_to_restore"]) == (400, says, True)
    assert prefill.queues()["mode"] == "prefill"


def test_the_same_role_again_is_fine(fleet: Fleet) -> None:
    prefill = fleet.engine("prefill", "--enable-pd-role-switch").until_ready()
    status, answer = switch(prefill, TO_PREFILL)
    assert (status, answer["success"]) == (200, True)


def test_a_dry_run_changes_nothing(fleet: Fleet) -> None:
    prefill = fleet.engine("prefill", "--enable-pd-role-switch").until_ready()
    status, answer = switch(prefill, {**TO_DECODE, "prepare_only": True})
    assert (status, answer["message"]) == (200, "ready")
    assert prefill.queues()["mode"] == "prefill"


def test_a_prefill_with_a_prefix_cache_dies_as_a_decode_of_a_repeated_prompt(
    fleet: Fleet,
) -> None:
    quick = {"SGLANG_DISAGGREGATION_BOOTSTRAP_TIMEOUT": "0.5"}
    one, other = fleet.pair("--enable-pd-role-switch", env=quick)
    switch(one, TO_DECODE)
    switch(other, TO_PREFILL)
    body = {"prompt": "the same words", "max_tokens": 3}
    for room in (1, 2):
        send_to_pair(other, one, "/v1/completions", {**body, "bootstrap_room": room})
    assert one.exit_code() == -signal.SIGQUIT
    assert "pool memory leak detected!" in one.output()


@pytest.mark.parametrize(
    "flag", ["--disable-radix-cache", "--disaggregation-decode-enable-radix-cache"]
)
def test_with_both_caches_alike_repeated_prompts_are_fine(fleet: Fleet, flag: str) -> None:
    one, other = fleet.pair("--enable-pd-role-switch", flag)
    switch(one, TO_DECODE)
    switch(other, TO_PREFILL)
    body = {"prompt": "the same words", "max_tokens": 3}
    for room in (1, 2):
        answers = send_to_pair(other, one, "/v1/completions", {**body, "bootstrap_room": room})
        assert answers[1][0] == 200


def test_a_prefill_that_left_and_came_back_hangs_for_who_remembers_it(fleet: Fleet) -> None:
    """SGLang 0.5.23 keeps a dead port for a `host:port` it knows; another spelling is fresh."""
    quick = {
        "SGLANG_DISAGGREGATION_WAITING_TIMEOUT": "0.5",
        "SGLANG_DISAGGREGATION_BOOTSTRAP_TIMEOUT": "0.5",
    }
    prefill, decode = fleet.pair("--enable-pd-role-switch", env=quick)
    assert completes(prefill, decode, 1)
    switch(prefill, TO_DECODE)
    switch(prefill, TO_PREFILL)
    body = {"prompt": "x", "max_tokens": 5, "bootstrap_room": 2}
    at_prefill, at_decode = send_to_pair(prefill, decode, "/v1/completions", body)
    assert (at_prefill[0], at_decode[0]) == (500, 500)
    assert "KVPoll.Bootstrapping" in at_prefill[1]
    assert "KVPoll.WaitingForInput" in at_decode[1]
    assert completes(prefill, decode, 3), "the timeout made it forget"


def test_a_prefill_that_came_back_serves_under_another_spelling_of_its_host(fleet: Fleet) -> None:
    prefill, decode = fleet.pair("--enable-pd-role-switch")
    assert completes(prefill, decode, 1)
    switch(prefill, TO_DECODE)
    switch(prefill, TO_PREFILL)
    body = {
        "prompt": "x",
        "max_tokens": 5,
        "bootstrap_room": 2,
        "bootstrap_host": f"[::ffff:{prefill.host}]",
    }
    assert send_to_pair(prefill, decode, "/v1/completions", body)[1][0] == 200
