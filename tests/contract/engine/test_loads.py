"""`/v1/loads`, `/server_info` and `/model_info` against what the real server answered."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pd_e2e.engine.processes import Fleet, Process, send_to_pair, until

Pair = tuple[Process, Process]
DATA = Path(__file__).parent / "data"


def real_load() -> dict[str, object]:
    (load,) = json.loads((DATA / "loads.json").read_text())["loads"]
    return dict(load)


def test_the_answer_has_the_fields_of_the_real_one_in_their_order(pair: Pair) -> None:
    real = json.loads((DATA / "loads.json").read_text())
    for worker in pair:
        answer = worker.get_json("/v1/loads")
        assert list(answer) == list(real)
        assert answer["version"] == "0.5.23"
        (load,) = answer["loads"]
        assert list(load) == list(real_load())
        for section in ("memory", "disaggregation", "queues"):
            expected = real_load()[section]
            assert isinstance(expected, dict)
            assert list(load[section]) == list(expected)


def test_types_are_those_of_the_real_answer(pair: Pair) -> None:
    for name, value in real_load().items():
        ours = pair[1].load()[name]
        if name != "decode_moments":
            assert type(ours) is type(value), name


def test_the_prometheus_form_has_the_series_of_the_real_one(pair: Pair) -> None:
    def names(text: str) -> list[str]:
        return re.findall(r"^# TYPE (\S+) gauge$", text, re.MULTILINE)

    _, text = pair[0].get("/v1/loads?format=prometheus")
    assert names(text) == names((DATA / "loads.prom").read_text())


def test_sections_can_be_asked_for(pair: Pair) -> None:
    (load,) = pair[0].get_json("/v1/loads?include=core,disagg")["loads"]
    assert "disaggregation" in load
    assert "memory" not in load
    assert "num_running_reqs" in load


def test_an_unknown_section_is_refused(pair: Pair) -> None:
    status, text = pair[0].get("/v1/loads?include=core,gossip")
    assert (status, text) == (500, "Internal Server Error")


def test_there_is_no_get_load_any_more(pair: Pair) -> None:
    assert pair[0].get("/get_load")[0] == 404


def test_a_fresh_worker_has_computed_its_warm_up(fleet: Fleet) -> None:
    """SGLang 0.5.23: 4 tokens in 31 to 66 ms on a CPU, and 8 tokens of which 6 or 7 are steps."""
    prefill, decode = fleet.pair()
    fresh = prefill.load()
    assert fresh["total_prefill_uncached_tokens"] == 4
    assert fresh["total_prefill_busy_us"] > 0
    assert fresh["decode_moments"] is None
    assert decode.load()["decode_moments"][:2] == [7, 7]


def test_during_a_pass_a_prefill_answers_with_what_was_before(fleet: Fleet) -> None:
    prefill, decode = fleet.pair(env={"PD_ENGINE_TIME_SCALE": "3"})
    body = {"prompt": "word " * 8000, "max_tokens": 2, "bootstrap_room": 6}
    with ThreadPoolExecutor(1) as threads:
        under_way = threads.submit(send_to_pair, prefill, decode, "/v1/completions", body)
        until(lambda: decode.queues()["decode_transfer_queue_reqs"] == 1, "it is computed")
        until(lambda: time.time() - prefill.load()["timestamp"] > 0.3, "the answer is old")
        old = prefill.load()
        assert (old["num_used_tokens"], old["total_prefill_uncached_tokens"]) == (0, 4)
        under_way.result()
    assert prefill.load()["total_prefill_uncached_tokens"] == 8004


def test_work_shows_in_the_counters(fleet: Fleet) -> None:
    prefill, decode = fleet.pair()
    body = {"prompt": "word " * 500, "max_tokens": 41, "bootstrap_room": 5}
    send_to_pair(prefill, decode, "/v1/completions", body)
    assert prefill.load()["total_prefill_uncached_tokens"] == 4 + 500
    assert prefill.load()["total_prefill_busy_us"] > 0
    moments = decode.load()["decode_moments"]
    assert (moments[0], moments[1], moments[5]) == (47, 47, 47)
    for worker in (prefill, decode):
        assert worker.load()["num_used_tokens"] == 0


def test_a_request_shows_in_the_queues_it_waits_in(fleet: Fleet) -> None:
    """A decode without its prefill, a prefill without its decode."""
    prefill, decode = fleet.pair()
    body = {"prompt": "word " * 100, "max_tokens": 4, "bootstrap_host": prefill.host}
    with ThreadPoolExecutor(2) as threads:
        threads.submit(prefill.post, "/v1/completions", {**body, "bootstrap_room": 1})
        threads.submit(decode.post, "/v1/completions", {**body, "bootstrap_room": 2})
        until(lambda: prefill.queues()["prefill_bootstrap_queue_reqs"] == 1, "prefill waits")
        until(lambda: decode.queues()["decode_transfer_queue_reqs"] == 1, "decode waits")
        assert decode.load()["num_used_tokens"] == 100
        assert decode.load()["num_active_tokens"] == 0
        assert prefill.load()["num_waiting_reqs"] == 1
        assert prefill.load()["num_waiting_uncached_tokens"] == 0
        for worker in (prefill, decode):
            worker.post("/abort_request", {"abort_all": True})
    until(lambda: prefill.load()["num_waiting_reqs"] == 0, "all is aborted")


def test_server_info_reports_the_command_line_and_the_state(pair: Pair) -> None:
    real = json.loads((DATA / "server_info.json").read_text())
    info = pair[1].get_json("/server_info")
    for name, value in real["flags_and_defaults"].items():
        assert name in info, name
        if name not in ("stream_interval", "served_model_name", "disable_radix_cache"):
            assert info[name] == (value if name != "page_size" else None), name
    assert set(real["top_level"]) <= set(info)
    assert set(real["startup_time"]) == set(info["startup_time"])
    assert set(real["internal_only"]) <= set(info["internal_states"][0])
    assert info["stream_interval"] == 4
    assert info["disable_radix_cache"] is True


def test_the_model_goes_by_its_served_name(pair: Pair) -> None:
    assert pair[0].get_json("/v1/models")["data"][0]["id"] == "model"
    for path in ("/model_info", "/get_model_info"):
        assert pair[0].get_json(path)["model_path"] == "org/model"


@pytest.mark.parametrize("path", ["/flush_cache"])
def test_only_an_idle_server_flushes_its_cache(fleet: Fleet, path: str) -> None:
    prefill = fleet.engine("prefill").until_ready()
    assert prefill.post(path, {})[0] == 200
    with ThreadPoolExecutor(1) as threads:
        body = {"prompt": "x", "bootstrap_host": prefill.host, "bootstrap_room": 1}
        threads.submit(prefill.post, "/v1/completions", body)
        until(lambda: prefill.load()["num_waiting_reqs"] == 1, "it waits")
        assert prefill.post(path, {})[0] == 400
        prefill.post("/abort_request", {"abort_all": True})
