import json
from pathlib import Path

import pytest

from pd_operator.performance import ProfileError, parse_profile
from pd_operator.performance.benchmarks import Measured, read_results
from pd_operator.performance.points import (
    DecodePoint,
    PrefillPoint,
    ProfileFacts,
    profile_document,
)

RESULTS = Path(__file__).parent / "results"
FACTS = ProfileFacts("org/model", "h100_sxm", "sglang", "0.5.23", "measured", 131_072, 400_000, 2)


def serving(mode: str | None = "decode", **fields: object) -> str:
    """A line as `sglang.benchmark.serving` writes it: with Infinity, which is no JSON."""
    line = {
        "backend": "sglang",
        "request_rate": float("inf"),
        "server_info": {
            "disaggregation_mode": mode,
            "version": "0.5.23",
            "max_total_num_tokens": 8192,
        },
        "completed": 8,
        "total_input_tokens": 8 * 1024,
        "total_output_tokens": 8 * 256,
        "request_throughput": 2.0,
        "concurrency": 3.98,
        "median_ttft_ms": 60.0,
        "median_tpot_ms": 12.0,
        "median_itl_ms": 11.0,
        **fields,
    }
    return json.dumps(line)


def one_batch(**fields: object) -> str:
    line = {
        "run_name": "default",
        "batch_size": 16,
        "input_len": 1024,
        "output_len": 101,
        "latency": 2.0,
        "last_ttft": 1.0,
        "acc_length": -1,
        "cache_hit_rate": None,
        **fields,
    }
    return json.dumps(line)


def refusal(text: str) -> str:
    with pytest.raises(ProfileError) as error:
        read_results(text, "run.jsonl")
    return str(error.value)


def test_a_run_against_a_decode_gives_a_step_at_its_concurrency() -> None:
    measured = read_results(serving(), "run.jsonl")
    assert measured == Measured(
        decode=(DecodePoint(3.98, 1152.0, 0.012),), kv_tokens=8192, engine_version="0.5.23"
    )


def test_a_server_of_both_roles_is_read_by_the_gaps_that_no_prompt_fell_into() -> None:
    (point,) = read_results(serving(mode=None), "run.jsonl").decode
    assert point.seconds == pytest.approx(0.011)


def test_gaps_between_chunks_of_several_tokens_are_no_steps() -> None:
    """As sglang.benchmark.serving 0.5.23 measured one token each 10 ms, sixteen told at a time."""
    text = (RESULTS / "serving.jsonl").read_text(encoding="utf-8")
    assert json.loads(text)["median_itl_ms"] == pytest.approx(160, rel=0.01)
    (point,) = read_results(text, "serving.jsonl").decode
    assert point.seconds == pytest.approx(0.010, rel=0.01)


def test_one_prompt_at_a_time_takes_its_time_to_first_token() -> None:
    alone = serving("prefill", total_output_tokens=8, concurrency=1.0)
    assert read_results(alone, "run.jsonl").prefill == (PrefillPoint(1024.0, 0.06),)


def test_a_prefill_that_is_never_idle_takes_what_passes_between_two_prompts() -> None:
    crowded = serving("prefill", total_output_tokens=8, concurrency=4.0)
    assert read_results(crowded, "run.jsonl").prefill == (PrefillPoint(1024.0, 0.5),)


def test_one_batch_gives_a_pass_and_a_step() -> None:
    measured = read_results(one_batch(), "run.jsonl")
    assert measured.prefill == (PrefillPoint(1024.0, 1.0, 16.0),)
    assert measured.decode == (DecodePoint(16.0, 1074.5, 0.01),)


def test_lines_are_gathered_and_empty_runs_passed_over() -> None:
    text = "\n".join([serving(), "", one_batch(), serving(completed=0)])
    measured = read_results(text, "run.jsonl")
    assert (len(measured.prefill), len(measured.decode)) == (1, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "run.jsonl: holds no measurement"),
        ("{", "run.jsonl, line 1: is not JSON"),
        ("[1]", "run.jsonl, line 1: expected an object"),
        ('{"latency": 1}', "line 1: is of neither sglang.benchmark.serving"),
        (serving(median_tpot_ms="fast"), "line 1: median_tpot_ms: expected a number, found 'fast'"),
        (serving(median_tpot_ms=float("nan")), "line 1: median_tpot_ms: nan cannot be"),
        (serving(total_input_tokens=-3), "line 1: total_input_tokens: -3 cannot be"),
        (serving(concurrency=None), "line 1: concurrency: expected a number, found None"),
        (one_batch(latency=0.5), "line 1: latency 0.5 is not above last_ttft 1"),
    ],
)
def test_what_is_not_understood_is_named_with_its_line(text: str, message: str) -> None:
    assert message in refusal(text)


def test_points_make_a_profile_whose_holes_are_filled_in_between() -> None:
    def step(batch: float, context: float) -> float:
        return 0.008 + 5e-5 * batch + 2e-8 * batch * context

    decode = [
        DecodePoint(batch, context, step(batch, context))
        for batch in (1, 16, 64, 256)
        for context in (500, 4000)
        if (batch, context) != (256, 4000)
    ]
    prefill = [PrefillPoint(n, 0.02 + 6e-5 * n) for n in (128, 1024, 8192)]
    document = profile_document(FACTS, prefill, decode)
    worker = parse_profile(json.dumps(document), "mine").surfaces(2)
    assert worker.kv_capacity_tokens == 400_000
    assert worker.prefill_seconds(1024) == pytest.approx(0.02 + 6e-5 * 1024, rel=1e-3)
    assert worker.prefill_seconds(1024, 3) == pytest.approx(3 * worker.prefill_seconds(1024))
    assert worker.decode_step_seconds(64, 500) == pytest.approx(step(64, 500), rel=1e-3)
    assert worker.decode_step_seconds(256, 4000) == pytest.approx(step(256, 4000), rel=0.02)


def test_points_that_nearly_agree_are_one_point_of_the_axis() -> None:
    decode = [
        DecodePoint(batch, context, 0.01)
        for batch in (3.9, 4.1, 16.0)
        for context in (1000.0, 1030.0, 4000.0)
    ]
    prefill = [PrefillPoint(1000, 0.05), PrefillPoint(4000, 0.2)]
    document = profile_document(FACTS, prefill, decode)
    table = parse_profile(json.dumps(document), "mine").surfaces(2).decode_step
    assert table.xs == (4.0, 16.0)
    assert table.ys == (1015.0, 4000.0)


@pytest.mark.parametrize(
    ("prefill", "decode", "message"),
    [
        ([], [], "prefill: passes of one prompt were measured at no new tokens"),
        ([PrefillPoint(100, 1.0)], [], r"at 1 \(100\) new tokens; at least two lengths"),
        (
            [PrefillPoint(100, 1.0), PrefillPoint(1000, 2.0)],
            [DecodePoint(4, 100, 0.1), DecodePoint(4, 1000, 0.1)],
            r"decode: steps were measured at 1 \(4\) batch sizes; at least two",
        ),
        (
            [PrefillPoint(100, 1.0), PrefillPoint(1000, 2.0)],
            [DecodePoint(4, 100, 0.1), DecodePoint(8, 100, 0.1)],
            r"decode: steps were measured at 1 \(100\) context lengths; at least two",
        ),
    ],
)
def test_too_few_points_are_refused_with_what_is_still_to_be_measured(
    prefill: list[PrefillPoint], decode: list[DecodePoint], message: str
) -> None:
    with pytest.raises(ProfileError, match=message):
        profile_document(FACTS, prefill, decode)
