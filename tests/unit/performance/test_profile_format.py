"""The format `pd-profile/1`, as docs/profiles.md has it."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from pd_operator.performance import EngineSurfaces, ProfileError, parse_profile

DOCUMENTED = Path(__file__).parents[3] / "docs" / "profiles.md"


@pytest.fixture
def document() -> dict[str, Any]:
    """The example of the documentation."""
    (example,) = re.findall(r"```json\n(.*?)```", DOCUMENTED.read_text(), re.DOTALL)
    read: dict[str, Any] = json.loads(example)
    return copy.deepcopy(read)


def parse(document: object, size: int = 4) -> EngineSurfaces:
    return parse_profile(json.dumps(document), "mine").surfaces(size)


def refusal(document: object) -> str:
    with pytest.raises(ProfileError) as error:
        parse_profile(json.dumps(document), "mine")
    return str(error.value)


def test_the_documented_example_is_a_profile(document: dict[str, Any]) -> None:
    profile = parse_profile(json.dumps(document), "mine")
    assert profile.engine == "sglang 0.5.23"
    assert profile.system == "h100_sxm"
    worker = profile.surfaces(4)
    assert worker.gpus == 4
    assert worker.startup_seconds == 95
    assert worker.kv_bytes_per_token == 327_680
    assert worker.prefill_seconds(1024) == pytest.approx(0.0687)
    assert worker.decode_step_seconds(64, 1024) == pytest.approx(0.0196)


def test_where_only_single_prompts_were_measured_more_take_so_many_times_as_long(
    document: dict[str, Any],
) -> None:
    prefill = document["workers"][0]["prefill"]
    prefill |= {"prompts": [1], "milliseconds": [row[:1] for row in prefill["milliseconds"]]}
    worker = parse(document)
    assert worker.prefill_seconds(1024, 5) == pytest.approx(5 * worker.prefill_seconds(1024))


def test_without_a_prefix_table_the_end_of_a_long_prompt_is_reckoned(
    document: dict[str, Any],
) -> None:
    document["workers"][0].pop("prefix", None)
    worker = parse(document)
    whole, beginning = worker.prefill_seconds(8192), worker.prefill_seconds(4096)
    assert worker.prefill_chunk_seconds(4096, 4096) == pytest.approx(
        max(whole - beginning, beginning), rel=0.01
    )
    assert worker.prefill_chunk_seconds(4096, 0) == pytest.approx(beginning)


def test_start_up_and_gpus_may_be_left_out(document: dict[str, Any]) -> None:
    del document["workers"][0]["startup_seconds"], document["workers"][0]["gpus"]
    worker = parse(document)
    assert worker.startup_seconds is None
    assert worker.gpus == 4


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("kv_bytes_per_token", 0, "kv_bytes_per_token: expected a whole number"),
        ("kv_bytes_per_token", 2**30, "kv_bytes_per_token: expected at most 16,777,216"),
        ("workers", [], "workers: expected at least one worker, found none"),
        ("workers", {}, "workers: expected a list, found an object"),
        ("workers.0.tensor_parallel_size", "4", "workers[0].tensor_parallel_size: expected"),
        ("workers.0.kv_tokens", 1.5, "workers[0].kv_tokens: expected a whole number"),
        ("workers.0.startup_seconds", -5, "workers[0].startup_seconds: expected a finite number"),
        ("workers.0.startup_seconds", 1e6, "expected seconds above 0 and up to a day"),
        ("workers.0.prefill.new_tokens", [128], "prefill.new_tokens: expected at least two points"),
        ("workers.0.prefill.prompts", [2, 4], "prefill.prompts: expected 1 as first point"),
        ("workers.0.prefill.milliseconds.1", [None, None], "prefill.milliseconds[1][0]: expected"),
        ("workers.0.decode.sequences", [64, 1], "decode.sequences: expected points in ascending"),
        ("workers.0.decode.milliseconds.0.1", None, "decode.milliseconds[0][1]: expected a number"),
        ("workers.0.decode.milliseconds.0.1", 0.0196, "decode.milliseconds[0][1]: expected milli"),
        ("workers.0.decode.milliseconds", [[1.0]], "decode.milliseconds: expected 3 entries"),
    ],
)
def test_every_fault_is_named_with_its_place(
    document: dict[str, Any], path: str, value: object, message: str
) -> None:
    *way, last = path.split(".")
    place: Any = document
    for step in way:
        place = place[int(step) if isinstance(place, list) else step]
    place[int(last) if isinstance(place, list) else last] = value
    assert message in refusal(document)


def test_a_size_that_is_there_twice_is_refused(document: dict[str, Any]) -> None:
    document["workers"].append(document["workers"][0])
    assert "workers[1].tensor_parallel_size: is there twice" in refusal(document)
