"""What SGLang must do for the operator's readings to mean what they are taken for."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from pd_e2e.engine.processes import Process, send_to_pair, until
from pd_operator.telemetry.engine_load import parse_load

Pair = tuple[Process, Process]
ROOMS = count(100)


def value(worker: Process, name: str) -> float:
    families = text_string_to_metric_families(worker.get("/metrics")[1])
    return sum(s.value for family in families for s in family.samples if s.name == name)


def complete(real: Pair, words: int, tokens: int, **more: Any) -> None:
    body = {
        "model": "model",
        "prompt": "ab " * words,
        "max_tokens": tokens,
        "ignore_eos": True,
        "bootstrap_room": next(ROOMS),
        **more,
    }
    answers = send_to_pair(*real, "/v1/completions", body)
    assert [status for status, _ in answers] == [200, 200], answers


def test_a_fresh_prefill_has_its_warm_up_in_its_counters(real: Pair) -> None:
    load, _ = parse_load(real[0].get_json("/v1/loads"))
    assert load.prefill_uncached_tokens_total >= 4
    assert load.prefill_busy_seconds_total > 0
    assert value(real[0], "sglang:prompt_tokens_histogram_count") >= 1


def test_an_idle_worker_says_so_of_now(real: Pair) -> None:
    for worker in real:
        load, age_seconds = parse_load(worker.get_json("/v1/loads"))
        assert load.idle
        assert age_seconds < 2.0


def test_during_a_pass_a_prefill_tells_what_was_before_and_how_old_that_is(real: Pair) -> None:
    def age_seconds() -> float:
        return parse_load(real[0].get_json("/v1/loads"))[1]

    with ThreadPoolExecutor(1) as threads:
        under_way = threads.submit(complete, real, 1500, 2)
        until(lambda: age_seconds() > 1.0, "the answer is a second old")
        load, _ = parse_load(real[0].get_json("/v1/loads"))
        assert load.running_requests == 0
        under_way.result()
    until(lambda: age_seconds() < 1.0, "the answer is fresh again")


def test_the_tokens_of_a_batch_that_has_ended_stay_in_their_gauge(real: Pair) -> None:
    complete(real, 100, 120)
    until(lambda: value(real[1], "sglang:num_running_reqs") == 0, "nothing runs", 60)
    assert value(real[1], "sglang:decode_sum_seq_lens") > 0


def test_only_streams_have_a_time_per_output_token(real: Pair) -> None:
    name = "sglang:request_time_per_output_token_seconds_count"
    before = value(real[1], name)
    complete(real, 20, 20)
    complete(real, 20, 20, stream=True)
    assert value(real[1], name) == before + 1


def test_each_role_counts_the_prompt_so_that_only_one_may_be_asked(real: Pair) -> None:
    def counted() -> list[float]:
        return [value(worker, "sglang:prompt_tokens_total") for worker in real]

    before = counted()
    complete(real, 300, 4)
    until(lambda: all(now > then for now, then in zip(counted(), before, strict=True)), "counted")
    prefill, decode = (now - then for now, then in zip(counted(), before, strict=True))
    assert prefill == decode >= 300
