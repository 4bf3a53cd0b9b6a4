"""`/metrics` against what the real server answered."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pd_e2e.engine.processes import Fleet, Process, send_to_pair, until

Series = dict[str, Any]
DATA = Path(__file__).parent / "data"

NOT_IN_DUMPS = {
    "sglang:num_aborted_requests_total": ["engine_type", "model_name"],
    "sglang:get_loads_duration_seconds": ["engine_type", "model_name"],
}
"""Created by 0.5.23 (its source says so) but without a value in the dumps."""

BOTH = {
    *("sglang:num_requests_total", "sglang:prompt_tokens_total", "sglang:generation_tokens_total"),
    *("sglang:prompt_tokens_histogram", "sglang:uncached_prompt_tokens_histogram"),
    *("sglang:generation_tokens_histogram", "sglang:e2e_request_latency_seconds"),
    *("sglang:queue_time_seconds", "sglang:per_stage_req_latency_seconds"),
    *("sglang:kv_transfer_bootstrap_ms", "sglang:kv_transfer_alloc_ms"),
    *("sglang:num_running_reqs", "sglang:num_queue_reqs", "sglang:token_usage"),
    *("sglang:kv_used_tokens", "sglang:kv_available_tokens", "sglang:kv_evictable_tokens"),
    *("sglang:num_prefill_bootstrap_queue_reqs", "sglang:num_prefill_inflight_queue_reqs"),
    *("sglang:num_decode_prealloc_queue_reqs", "sglang:num_decode_transfer_queue_reqs"),
    *("sglang:startup_time_seconds", "sglang:http_requests_total", "sglang:realtime_tokens_total"),
    *("sglang:max_total_num_tokens", "sglang:num_used_tokens", "sglang:num_retracted_reqs"),
}
PREFILL_ONLY = {
    *("sglang:kv_transfer_latency_ms", "sglang:kv_transfer_speed_gb_s"),
    "sglang:kv_transfer_total_mb",
}
DECODE_ONLY = {
    *("sglang:time_to_first_token_seconds", "sglang:inter_token_latency_seconds"),
    "sglang:request_time_per_output_token_seconds",
}


def series(text: str) -> Series:
    """For each series its type, label names and histogram edges."""
    found: Series = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = family.name + ("_total" if family.type == "counter" else "")
            entry = found.setdefault(name, {"type": family.type, "labels": set(), "le": []})
            entry["labels"] |= set(sample.labels) - {"le"}
            edge = sample.labels.get("le")
            if edge is not None and edge not in entry["le"]:
                entry["le"].append(edge)
    return found


def value(worker: Process, name: str, **labels: str) -> float:
    _, text = worker.get("/metrics")
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def complete(prefill: Process, decode: Process, room: int, **body: Any) -> None:
    """One request of 200 tokens in and 60 out through both workers."""
    full = {"prompt": "word " * 200, "max_tokens": 60, "bootstrap_room": room, **body}
    answers = send_to_pair(prefill, decode, "/v1/completions", full)
    assert [status for status, _ in answers] == [200, 200]


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A pair that may switch roles, like the real one of the dumps, after some requests."""
    fleet = Fleet(tmp_path_factory.mktemp("used"))
    prefill, decode = fleet.pair("--enable-pd-role-switch")
    for room in range(3):
        complete(prefill, decode, room, stream=True)
    complete(prefill, decode, 3)
    yield {"prefill": prefill, "decode": decode}
    fleet.stop()


@pytest.mark.parametrize("role", ["prefill", "decode"])
def test_every_series_is_one_of_the_real_server(used: dict[str, Process], role: str) -> None:
    real = json.loads((DATA / f"metrics_{role}.json").read_text())
    for name, ours in series(used[role].get("/metrics")[1]).items():
        if name in NOT_IN_DUMPS:
            assert sorted(ours["labels"]) == sorted(NOT_IN_DUMPS[name]), name
            continue
        assert name in real, f"{name} is not a series of the real {role}"
        assert ours["type"] == real[name]["type"], name
        assert sorted(ours["labels"]) == real[name]["labels"], name
        edges = [float(edge) for edge in ours["le"]]
        assert edges == pytest.approx([float(edge) for edge in real[name].get("le", [])]), name


@pytest.mark.parametrize(("role", "absent"), [("prefill", DECODE_ONLY), ("decode", PREFILL_ONLY)])
def test_each_role_has_its_series_and_not_the_other_ones(
    used: dict[str, Process], role: str, absent: set[str]
) -> None:
    names = set(series(used[role].get("/metrics")[1]))
    own = (PREFILL_ONLY | DECODE_ONLY) - absent
    assert names >= BOTH | own
    assert not names & absent


def test_each_role_reports_the_stages_that_the_real_one_does(used: dict[str, Process]) -> None:
    stages = {
        "prefill": ("prefill_bootstrap", "prefill_forward", "prefill_transfer_kv_cache"),
        "decode": ("decode_prepare", "decode_bootstrap", "decode_transferred", "decode_waiting"),
    }
    for role, names in stages.items():
        for stage in names:
            counted = value(used[role], "sglang:per_stage_req_latency_seconds_count", stage=stage)
            assert counted == 5, stage  # four, and the warm-up


def test_requests_are_counted_by_whether_they_stream(used: dict[str, Process]) -> None:
    for role in ("prefill", "decode"):
        streamed = value(used[role], "sglang:num_requests_total", is_streaming="true")
        whole = value(used[role], "sglang:num_requests_total", is_streaming="false")
        assert (streamed, whole) == (3, 2)  # one of them is the worker's own warm-up
    tokens = value(used["decode"], "sglang:generation_tokens_total", is_streaming="true")
    assert tokens == 3 * 60
    assert value(used["decode"], "sglang:inter_token_latency_seconds_count") == 3 * 59 + 10
    name = "sglang:request_time_per_output_token_seconds_count"
    assert value(used["decode"], name) == 3
    name = "sglang:time_to_first_token_seconds_count"
    assert value(used["decode"], name, is_streaming="true", engine_type="decode") == 3


def test_lengths_are_those_of_the_requests(used: dict[str, Process]) -> None:
    prefill, decode = used["prefill"], used["decode"]
    assert value(prefill, "sglang:uncached_prompt_tokens_histogram_sum") == 4 * 200 + 4
    assert value(decode, "sglang:generation_tokens_histogram_sum") == 4 * 60 + 8
    assert value(prefill, "sglang:generation_tokens_histogram_sum") == 4 + 1


def test_start_up_is_reported(used: dict[str, Process]) -> None:
    phase = {"phase": "tokenizer_e2e"}
    assert value(used["decode"], "sglang:startup_time_seconds", **phase) == pytest.approx(0.1)


def test_buckets_may_be_set_to_the_objectives(fleet: Fleet) -> None:
    prefill, decode = fleet.pair(
        *("--bucket-time-to-first-token", "0.1", "0.8", "3"),
        *("--bucket-inter-token-latency", "0.017", "0.04"),
        *("--bucket-e2e-request-latency", "5", "50"),
    )
    complete(prefill, decode, 1, stream=True)
    found = series(decode.get("/metrics")[1])
    assert found["sglang:time_to_first_token_seconds"]["le"] == ["0.1", "0.8", "3.0", "+Inf"]
    tpot = found["sglang:request_time_per_output_token_seconds"]["le"]
    assert tpot == found["sglang:inter_token_latency_seconds"]["le"] == ["0.017", "0.04", "+Inf"]
    assert found["sglang:e2e_request_latency_seconds"]["le"] == ["5.0", "50.0", "+Inf"]


def test_without_role_switch_the_scheduler_series_name_the_role(fleet: Fleet) -> None:
    decode = fleet.engine("decode", "--extra-metric-labels", '{"pool": "a"}').until_ready()
    labels = {"engine_type": "decode", "pool": "a"}
    assert value(decode, "sglang:max_total_num_tokens", **labels) > 0


def test_gauges_are_as_lazy_as_the_real_ones(fleet: Fleet) -> None:
    """A request that waits for its decode shows in `/v1/loads` at once, in no gauge for long."""
    prefill = fleet.engine("prefill").until_ready()
    body = {"prompt": "x", "bootstrap_host": prefill.host, "bootstrap_room": 1}
    with ThreadPoolExecutor(1) as threads:
        threads.submit(prefill.post, "/v1/completions", body)
        until(lambda: prefill.queues()["prefill_bootstrap_queue_reqs"] == 1, "it waits")
        assert value(prefill, "sglang:num_prefill_bootstrap_queue_reqs") == 0
        prefill.post("/abort_request", {"abort_all": True})


def test_there_are_no_metrics_unless_asked_for(fleet: Fleet) -> None:
    decode = fleet.engine("decode", metrics=False).until_ready()
    assert decode.get("/metrics")[0] == 404


def test_the_tokens_of_a_batch_that_has_ended_stay_in_their_gauge(fleet: Fleet) -> None:
    prefill, decode = fleet.pair("--decode-log-interval", "1")
    complete(prefill, decode, 0, stream=True)
    assert value(decode, "sglang:num_running_reqs") == 0
    assert value(decode, "sglang:decode_sum_seq_lens") > 200
