"""Faults that tests of an operator switch on."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pd_e2e.engine.processes import Fleet, Process, send_to_pair, until


def fault(worker: Process, **body: object) -> tuple[int, str]:
    return worker.post("/pd_engine/fault", body)


def completion(room: int, tokens: int) -> dict[str, object]:
    return {"prompt": "one two", "max_tokens": tokens, "bootstrap_room": room}


def seconds(prefill: Process, decode: Process, room: int) -> float:
    begun = time.monotonic()
    answers = send_to_pair(prefill, decode, "/v1/completions", completion(room, 200))
    assert answers[1][0] == 200
    return time.monotonic() - begun


def test_a_crash_leaves_no_time_for_anything(fleet: Fleet) -> None:
    decode = fleet.engine("decode").until_ready()
    fault(decode, kind="crash")
    assert decode.exit_code(10) == 137


def test_a_crash_can_be_set_up_at_start(fleet: Fleet) -> None:
    env = {"PD_ENGINE_FAULT": '{"kind": "crash", "after_seconds": 0.5}'}
    decode = fleet.engine("decode", env=env).until_ready()
    assert decode.exit_code(10) == 137


def test_a_hung_engine_answers_http_but_fails_its_health_check(fleet: Fleet) -> None:
    prefill, decode = fleet.pair(env={"SGLANG_HEALTH_CHECK_TIMEOUT": "1"})
    with ThreadPoolExecutor(1) as threads:
        request = completion(1, 2000)
        answers = threads.submit(send_to_pair, prefill, decode, "/v1/completions", request)
        until(lambda: decode.load()["num_running_reqs"] == 1, "it runs")
        fault(decode, kind="hang")
        until(lambda: decode.load() and decode.get("/health")[0] == 503, "health fails")
        assert decode.get("/ready")[0] == 503
        generated = decode.load()["decode_moments"]
        assert decode.load()["decode_moments"] == generated
        fault(decode, kind="none")
        assert answers.result()[1][0] == 200
    until(lambda: decode.get("/health")[0] == 200, "health recovers")
    assert decode.get("/ready")[0] == 200


def test_a_slow_engine_takes_as_much_longer_as_asked(fleet: Fleet) -> None:
    prefill, decode = fleet.pair()
    healthy = seconds(prefill, decode, 1)
    fault(decode, kind="slow", factor=5)
    assert seconds(prefill, decode, 2) > 3 * healthy
    fault(decode, kind="none")
    until(lambda: seconds(prefill, decode, time.monotonic_ns()) < 3 * healthy, "it is fast again")


def test_a_refusing_engine_comes_back_after_its_time(fleet: Fleet) -> None:
    decode = fleet.engine("decode").until_ready()
    fault(decode, kind="refuse", seconds=1)
    until(lambda: decode.get("/ready")[0] == 0, "nobody answers")
    until(lambda: decode.get("/ready")[0] == 200, "it is back")


def test_metrics_can_go_missing(fleet: Fleet) -> None:
    decode = fleet.engine("decode").until_ready()
    fault(decode, kind="no_metrics")
    until(lambda: decode.get("/metrics")[0] == 404, "no metrics")
    fault(decode, kind="none")
    until(lambda: decode.get("/metrics")[0] == 200, "metrics again")


@pytest.mark.parametrize("variant", ["negative", "text", "empty"])
def test_loads_can_be_nonsense(fleet: Fleet, variant: str) -> None:
    decode = fleet.engine("decode").until_ready()
    sane = decode.load()
    fault(decode, kind="nonsense_loads", variant=variant)
    until(lambda: decode.get_json("/v1/loads")["loads"] != [sane], "nonsense")
    assert "version" not in decode.get_json("/v1/loads")


def test_loads_can_be_no_json_at_all(fleet: Fleet) -> None:
    decode = fleet.engine("decode").until_ready()
    fault(decode, kind="nonsense_loads", variant="not_json")

    def is_json() -> bool:
        try:
            json.loads(decode.get("/v1/loads")[1])
        except ValueError:
            return False
        return True

    until(lambda: not is_json(), "no JSON")


def test_an_engine_may_never_get_ready(fleet: Fleet) -> None:
    decode = fleet.engine("decode", env={"PD_ENGINE_FAULT": "never_ready"})
    until(lambda: decode.get("/ready")[0] == 503, "it listens")
    time.sleep(0.5)
    assert decode.get("/ready")[0] == 503
    decode.terminate()
    assert decode.exit_code(10) == 0


@pytest.mark.parametrize(
    ("body", "says"), [({"kind": "gremlins"}, "kind must be one of"), ({}, "kind must be one of")]
)
def test_an_unknown_fault_is_refused(fleet: Fleet, body: dict[str, object], says: str) -> None:
    decode = fleet.engine("decode").until_ready()
    status, text = decode.post("/pd_engine/fault", body)
    assert status == 400
    assert says in text
