import copy
import json
from importlib.resources import files
from typing import Any

import pytest

from pd_operator.performance import (
    ProfileError,
    bundled_profile_names,
    load_bundled,
    parse_profile,
)

SEED = files("pd_operator.performance") / "profiles" / "llama-3.1-70b-h100.json"


@pytest.fixture
def document() -> dict[str, Any]:
    seed: dict[str, Any] = json.loads(SEED.read_text())
    return copy.deepcopy(seed)


def refusal(document: object) -> str:
    with pytest.raises(ProfileError) as error:
        parse_profile(json.dumps(document), "mine")
    return str(error.value)


def test_nine_model_and_gpu_pairs_are_bundled_and_all_of_them_load() -> None:
    assert len(bundled_profile_names()) == 9
    for name in bundled_profile_names():
        profile = load_bundled(name)
        assert profile.tensor_parallel_sizes
        assert "aiconfigurator" in profile.origin


def test_a_bundled_profile_gives_the_figures_of_its_tables() -> None:
    worker = load_bundled("llama-3.1-70b-h100").surfaces(4)
    assert worker.gpus == 4
    assert worker.kv_capacity_tokens == 362_142
    assert worker.kv_bytes_per_token == 327_680
    assert worker.prefill_seconds(1024) == pytest.approx(0.0687, abs=1e-4)
    assert worker.decode_step_seconds(64, 1024) == pytest.approx(0.0196, abs=1e-4)


def test_a_pass_over_a_prompt_with_cached_tokens_costs_more_than_without() -> None:
    worker = load_bundled("llama-3.1-70b-h100").surfaces(4)
    assert worker.prefill_chunk_seconds(1024, 0) == pytest.approx(worker.prefill_seconds(1024))
    assert worker.prefill_chunk_seconds(1024, 32_768) > 1.2 * worker.prefill_seconds(1024)


def test_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ProfileError, match=r"'gpt-2-h100'.*llama-3.1-8b-h100"):
        load_bundled("gpt-2-h100")


def test_an_unknown_tensor_parallel_size_is_refused_with_the_sizes_there_are() -> None:
    with pytest.raises(ProfileError, match="no tensor-parallel size 3; it has 4, 8"):
        load_bundled("llama-3.1-70b-h100").surfaces(3)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"schema": "pd-seed-profile/1"', "\x00"])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(ProfileError, match="is not JSON"):
        parse_profile(text, "mine")


@pytest.mark.parametrize("document", [None, [], 3, "profile"])
def test_json_that_is_no_object_is_refused(document: object) -> None:
    assert "expected an object" in refusal(document)


def test_another_schema_is_refused(document: dict[str, Any]) -> None:
    document["schema"] = "pd-seed-profile/2"
    expected = "schema: expected 'pd-profile/1' or 'pd-seed-profile/1', found 'pd-seed-profile/2'"
    assert expected in refusal(document)


def test_a_missing_table_is_named_with_its_path(document: dict[str, Any]) -> None:
    del document["tp"]["4"]["decode_ms"]
    assert "tp.4.decode_ms: is missing" in refusal(document)


def test_a_hole_in_the_decode_table_is_named_with_its_cell(document: dict[str, Any]) -> None:
    document["tp"]["4"]["decode_ms"][3][2] = None
    assert "tp.4.decode_ms[3][2]: expected a number, found null" in refusal(document)


def test_a_prefill_pass_of_one_prompt_may_not_be_lacking(document: dict[str, Any]) -> None:
    document["tp"]["4"]["prefill_ms"][5][0] = None
    assert "tp.4.prefill_ms[5][0]: expected a number, found null" in refusal(document)


def test_a_lacking_pass_of_many_long_prompts_takes_as_long_as_its_prompts_one_by_one() -> None:
    worker = load_bundled("llama-3.1-70b-h100").surfaces(4)
    assert worker.prefill_seconds(131_072, 2) == pytest.approx(2 * worker.prefill_seconds(131_072))


@pytest.mark.parametrize("cell", [-1, "12", True, float("nan"), float("inf"), 0])
def test_a_step_time_that_is_no_positive_number_is_refused(
    document: dict[str, Any], cell: object
) -> None:
    document["tp"]["4"]["decode_ms"][0][0] = cell
    assert "tp.4.decode_ms[0][0]: expected" in refusal(document)


@pytest.mark.parametrize("seconds_or_microseconds", [0.0196, 1_960_000])
def test_step_times_in_another_unit_are_refused(
    document: dict[str, Any], seconds_or_microseconds: float
) -> None:
    document["tp"]["4"]["decode_ms"][0][0] = seconds_or_microseconds
    said = refusal(document)
    assert "tp.4.decode_ms[0][0]: expected milliseconds between 0.05 and 600000" in said


def test_a_row_that_does_not_fit_its_axis_is_named(document: dict[str, Any]) -> None:
    document["tp"]["4"]["decode_ms"][3].pop()
    assert "tp.4.decode_ms[3]: expected 14 entries, one per point of its axis, found 13" in refusal(
        document
    )


def test_an_axis_out_of_order_is_refused(document: dict[str, Any]) -> None:
    document["axes"]["ctx"][1] = 3
    assert "axes.ctx: expected points in ascending order" in refusal(document)


def test_an_axis_of_one_point_is_refused(document: dict[str, Any]) -> None:
    document["axes"]["ctx"] = [64]
    assert "axes.ctx: expected at least two points, found 1" in refusal(document)


def test_a_profile_without_workers_is_refused(document: dict[str, Any]) -> None:
    document["tp"] = {}
    assert "expected at least one tensor-parallel size" in refusal(document)


@pytest.mark.parametrize("key", ["0", "four", "-1"])
def test_a_tensor_parallel_size_must_be_a_whole_number(document: dict[str, Any], key: str) -> None:
    document["tp"] = {key: document["tp"]["4"]}
    assert f"tp.{key}: expected a tensor-parallel size" in refusal(document)
