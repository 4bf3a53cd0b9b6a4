"""Start-up, probes, pause, and the manners after SIGTERM."""

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor

from pd_e2e.engine.processes import Fleet, Process, fetch, send_to_pair, until


def body(room: int, tokens: int) -> dict[str, object]:
    return {"prompt": "one two", "max_tokens": tokens, "bootstrap_room": room}


def test_nothing_listens_while_weights_load_then_probes_say_503(fleet: Fleet) -> None:
    slow = {"PD_ENGINE_STARTUP_SECONDS": "1.5", "PD_ENGINE_WARMUP_SECONDS": "1.0"}
    prefill = fleet.engine("prefill", env=slow)
    seen: list[tuple[int, int]] = []

    def probe() -> bool:
        seen.append((prefill.get("/ready")[0], prefill.get("/health")[0]))
        return seen[-1][0] == 200

    until(probe, "ready")
    assert [status for status, _ in seen if status] == sorted(
        (status for status, _ in seen if status), reverse=True
    )
    assert {0, 503, 200} == {status for status, _ in seen}
    assert (503, 503) in seen


def test_the_registry_listens_before_the_ranks_have_registered(fleet: Fleet) -> None:
    prefill = fleet.engine("prefill", env={"PD_ENGINE_STARTUP_SECONDS": "3"})
    registry = f"http://{prefill.host}:8998"
    until(lambda: fetch(registry + "/health")[0] == 200, "the registry listens")
    assert fetch(registry + "/route")[0] == 503
    prefill.until_ready()
    assert fetch(registry + "/route")[0] == 200


def test_each_seed_starts_in_its_own_time(fleet: Fleet) -> None:
    jitter = {"PD_ENGINE_STARTUP_SECONDS": "0.2", "PD_ENGINE_STARTUP_JITTER": "0.5"}
    seeds = [fleet.engine("decode", env={**jitter, "PD_ENGINE_SEED": seed}) for seed in "123"]
    started = {
        worker.until_ready().get_json("/server_info")["startup_time"]["tokenizer_e2e"]
        for worker in seeds
    }
    assert len(started) == 3
    assert all(0.1 <= seconds <= 0.3 for seconds in started)


def test_health_takes_at_least_a_second(fleet: Fleet) -> None:
    decode = fleet.engine("decode").until_ready()
    begun = time.monotonic()
    assert decode.get("/health")[0] == 200
    assert time.monotonic() - begun >= 1.0
    assert decode.get("/health", timeout=0.5)[0] == 0


def test_sigterm_drains_but_still_takes_requests(fleet: Fleet) -> None:
    prefill, decode = fleet.pair(env={"PD_ENGINE_SIGTERM_POLL_SECONDS": "0.5"})
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(send_to_pair, prefill, decode, "/v1/completions", body(1, 3000))
        until(lambda: decode.load()["num_running_reqs"] == 1, "it runs")
        decode.terminate()
        until(lambda: decode.get("/ready")[0] == 503, "not ready any more")
        assert decode.get("/health")[0] == 503
        late = threads.submit(send_to_pair, prefill, decode, "/v1/completions", body(2, 100))
        assert late.result()[1][0] == 200
        assert decode.process.poll() is None
        assert json.loads(first.result()[1][1])["usage"]["completion_tokens"] == 3000
    assert decode.exit_code() == 0


def test_an_idle_server_leaves_at_its_first_look(fleet: Fleet) -> None:
    decode = fleet.engine("decode", env={"PD_ENGINE_SIGTERM_POLL_SECONDS": "0.3"}).until_ready()
    decode.terminate()
    assert decode.exit_code() == 0


def test_forced_shutdown_waits_for_nobody(fleet: Fleet) -> None:
    prefill, decode = fleet.pair(env={"SGL_FORCE_SHUTDOWN": "1"})
    with ThreadPoolExecutor(1) as threads:
        threads.submit(send_to_pair, prefill, decode, "/v1/completions", body(1, 100_000))
        until(lambda: decode.load()["num_running_reqs"] == 1, "it runs")
        decode.terminate()
        assert decode.exit_code(10) == 0


def test_sigterm_during_start_up_ends_it_at_once(fleet: Fleet) -> None:
    prefill = fleet.engine("prefill", env={"PD_ENGINE_STARTUP_SECONDS": "60"})
    until(lambda: fetch(f"http://{prefill.host}:8998/health")[0] == 200, "it starts")
    prefill.terminate()
    assert prefill.exit_code() == -signal.SIGTERM


def test_a_paused_server_is_healthy_but_not_ready(fleet: Fleet) -> None:
    decode = fleet.engine("decode").until_ready()
    decode.post("/pause_generation", {"mode": "in_place"})
    assert [decode.get(path)[0] for path in ("/ready", "/ping")] == [503, 200]
    decode.post("/continue_generation", {})
    assert decode.get("/ready")[0] == 200


def tokens_done(decode: Process) -> float:
    moments = decode.load()["decode_moments"]
    return float(moments[5]) if moments else 0.0


def test_a_pause_in_place_stops_tokens_and_continuing_brings_all(fleet: Fleet) -> None:
    prefill, decode = fleet.pair()
    with ThreadPoolExecutor(1) as threads:
        answers = threads.submit(send_to_pair, prefill, decode, "/v1/completions", body(1, 800))
        until(lambda: tokens_done(decode) > 50, "it generates")
        decode.post("/pause_generation", {"mode": "in_place"})
        paused_at = tokens_done(decode)
        assert paused_at < 799
        assert tokens_done(decode) == paused_at
        decode.post("/continue_generation", {})
        assert json.loads(answers.result()[1][1])["usage"]["completion_tokens"] == 800


def test_a_pause_that_aborts_ends_what_runs(fleet: Fleet) -> None:
    prefill, decode = fleet.pair()
    with ThreadPoolExecutor(1) as threads:
        answers = threads.submit(send_to_pair, prefill, decode, "/v1/completions", body(1, 90_000))
        until(lambda: decode.load()["num_running_reqs"] == 1, "it runs")
        decode.post("/pause_generation", {})
        (choice,) = json.loads(answers.result()[1][1])["choices"]
    assert choice["finish_reason"] == "abort"


def test_one_request_can_be_aborted_by_its_id(fleet: Fleet) -> None:
    prefill, decode = fleet.pair()
    with ThreadPoolExecutor(1) as threads:
        long = {**body(1, 90_000), "rid": "long"}
        answers = threads.submit(send_to_pair, prefill, decode, "/v1/completions", long)
        until(lambda: decode.load()["num_running_reqs"] == 1, "it runs")
        decode.post("/abort_request", {"rid": "another"})
        assert decode.load()["num_running_reqs"] == 1
        decode.post("/abort_request", {"rid": "long"})
        assert answers.result()[1][0] == 200
    assert decode.load()["num_used_tokens"] == 0
