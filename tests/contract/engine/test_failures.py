"""What a decode and a prefill do when the other one is not what it should be."""

import json
import re
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

from pd_e2e.engine.job import NO_PEER
from pd_e2e.engine.processes import BOOTSTRAP_PORT, Fleet, Process, send_to_pair, until

PATIENT = {"SGLANG_DISAGGREGATION_HEARTBEAT_INTERVAL": "2"}


def body(host: str, room: int = 1, **more: object) -> dict[str, object]:
    return {
        "prompt": "word " * 100,
        "max_tokens": 4,
        "bootstrap_host": host,
        "bootstrap_port": BOOTSTRAP_PORT,
        "bootstrap_room": room,
        **more,
    }


def message(text: str) -> str:
    return str(json.loads(text)["message"])


def counted(worker: Process, name: str) -> float:
    lines = worker.get("/metrics")[1].splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + "{"))


def test_an_unknown_prefill_is_given_up_after_bounded_attempts(fleet: Fleet) -> None:
    quick = {"PD_ENGINE_PREFILL_ATTEMPTS": "3", "PD_ENGINE_PREFILL_ATTEMPT_SECONDS": "0.05"}
    decode = fleet.engine("decode", env=quick).until_ready()
    status, text = decode.post("/v1/completions", body("127.0.0.250", room=77))
    assert status == 500
    assert message(text).startswith(
        "Decode handshake failed for request rank=0 decode_req.req.rid="
    )
    assert message(text).endswith("KVTransferError(bootstrap_room=77): Aborted by AbortReq.")
    assert "127.0.0.250:8998 after 3 attempts" in decode.output()
    assert counted(decode, "sglang:num_bootstrap_failed_reqs_total") == 1
    assert decode.load()["num_waiting_reqs"] == 0


def test_a_stream_that_fails_says_so_in_an_event(fleet: Fleet) -> None:
    quick = {"PD_ENGINE_PREFILL_ATTEMPTS": "1"}
    decode = fleet.engine("decode", env=quick).until_ready()
    status, text = decode.post("/v1/completions", body("127.0.0.250", stream=True))
    events = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    error = json.loads(events[0])["error"]
    assert status == 200
    assert (error["type"], error["code"]) == ("INTERNAL_SERVER_ERROR", 500)
    assert "Decode handshake failed" in error["message"]
    assert events[-1] == "[DONE]"


def test_kv_that_does_not_come_fails_at_the_waiting_timeout(fleet: Fleet) -> None:
    prefill, decode = fleet.pair(env={"SGLANG_DISAGGREGATION_WAITING_TIMEOUT": "0.5"})
    status, text = decode.post("/v1/completions", body(prefill.host, room=9))
    assert status == 500
    assert message(text).startswith("Decode transfer failed for request rank=0")
    assert re.search(r"Request 9 timed out after [\d.]+s in KVPoll.WaitingForInput", message(text))
    assert counted(decode, "sglang:num_transfer_failed_reqs_total") == 1
    assert decode.load()["num_used_tokens"] == 0


def test_a_decode_that_does_not_come_fails_at_the_bootstrap_timeout(fleet: Fleet) -> None:
    quick = {"SGLANG_DISAGGREGATION_BOOTSTRAP_TIMEOUT": "0.4"}
    prefill = fleet.engine("prefill", env=quick).until_ready()
    status, text = prefill.post("/v1/completions", body(prefill.host, room=9))
    assert status == 500
    assert message(text).startswith("Prefill bootstrap failed for request rank=0 req.rid=")
    assert "in KVPoll.Bootstrapping" in message(text)
    assert counted(prefill, "sglang:num_bootstrap_failed_reqs_total") == 1


def test_a_prefill_that_dies_is_lost_after_missed_heartbeats(fleet: Fleet) -> None:
    prefill, decode = fleet.pair(env=PATIENT)
    assert send_to_pair(prefill, decode, "/v1/completions", body(prefill.host, 1))[1][0] == 200
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(decode.post, "/v1/completions", body(prefill.host, 2))
        until(lambda: decode.queues()["decode_transfer_queue_reqs"] == 1, "decode waits for KV")
        prefill.kill()
        status, text = waiting.result()
    assert status == 500
    lost = f"Lost connection with prefill instance (bootstrap_addr: {prefill.host}:8998)"
    assert lost in message(text)


def test_a_prefill_that_hangs_is_lost_after_missed_heartbeats(fleet: Fleet) -> None:
    prefill, decode = fleet.pair(env=PATIENT)
    send_to_pair(prefill, decode, "/v1/completions", body(prefill.host, 1))
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(decode.post, "/v1/completions", body(prefill.host, 2))
        until(lambda: decode.queues()["decode_transfer_queue_reqs"] == 1, "decode waits for KV")
        prefill.process.send_signal(signal.SIGSTOP)
        status, text = waiting.result()
    assert status == 500
    assert "Lost connection with prefill instance" in message(text)


def test_a_decode_that_dies_fails_the_prefills_request(fleet: Fleet) -> None:
    prefill, decode = fleet.pair()
    long = body(prefill.host, 3, prompt="word " * 60_000)
    with ThreadPoolExecutor(2) as threads:
        waiting = threads.submit(prefill.post, "/v1/completions", long)
        threads.submit(decode.post, "/v1/completions", long)
        until(lambda: prefill.load()["num_waiting_uncached_tokens"] > 0, "prefill computes")
        decode.kill()
        status, text = waiting.result()
    assert status == 500
    assert message(text).startswith("Prefill transfer failed for request rank=0")
    assert counted(prefill, "sglang:num_transfer_failed_reqs_total") == 1
    until(lambda: prefill.load()["num_used_tokens"] == 0, "its KV is free")


def test_a_prefill_that_takes_the_call_and_says_nothing_stalls_all_streams(
    fleet: Fleet,
) -> None:
    """SGLang 0.5.23 asks an unknown prefill with a blocking call in the scheduler's loop."""
    decode = fleet.engine("decode", env={"PD_ENGINE_PREFILL_ATTEMPTS": "1"}).until_ready()

    def steps() -> float:
        return float((decode.load()["decode_moments"] or [0])[0])

    def stands_still() -> bool:
        before = steps()
        time.sleep(0.2)
        return steps() == before

    with socket.create_server(("127.0.0.251", BOOTSTRAP_PORT)), ThreadPoolExecutor(2) as threads:
        alone = {"prompt": "x", "max_tokens": 100_000, "bootstrap_room": 1}
        threads.submit(decode.post, "/v1/completions", {**alone, "bootstrap_host": NO_PEER})
        until(lambda: steps() > 10, "it generates")
        threads.submit(decode.post, "/v1/completions", body("127.0.0.251", 2))
        until(stands_still, "no step is made")
        until(lambda: not stands_still(), "it goes on when the call has timed out")
        decode.kill()


def test_decoding_goes_on_when_the_prefill_is_gone(fleet: Fleet) -> None:
    prefill, decode = fleet.pair()
    with ThreadPoolExecutor(1) as threads:
        answers = threads.submit(
            send_to_pair, prefill, decode, "/v1/completions", body(prefill.host, max_tokens=800)
        )
        until(lambda: decode.load()["num_running_reqs"] == 1, "decode runs")
        prefill.kill()
        assert answers.result()[1][0] == 200


def test_a_decode_with_another_page_size_dies_on_first_contact(fleet: Fleet) -> None:
    prefill = fleet.engine("prefill", "--page-size", "64").until_ready()
    decode = fleet.engine("decode").until_ready()
    decode.post("/v1/completions", body(prefill.host), timeout=5)
    assert decode.exit_code() == -signal.SIGQUIT
    assert "Page size mismatch" in decode.output()
