"""Results of other load generators, as aiperf 0.13.0 and inference-perf 0.7.0 wrote them.

Both measured one stream that `findings/itl_of_one_stream.sh` serves: first token after 100 ms, one
each 10 ms, sixteen told at a time. Percentiles and settings that nobody reads are left out.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pd_operator.performance import ProfileError
from pd_operator.performance.benchmarks import Measured, read_results
from pd_operator.performance.points import PrefillPoint

RESULTS = Path(__file__).parent / "results"
AIPERF, INFERENCE_PERF = "profile_export_aiperf.json", "stage_0_lifecycle_metrics.json"

Change = Callable[[dict[str, Any]], None]


def recorded(name: str, change: Change = lambda _: None) -> str:
    document = json.loads((RESULTS / name).read_text(encoding="utf-8"))
    change(document)
    return json.dumps(document, indent=2)


def refusal(name: str, change: Change) -> str:
    with pytest.raises(ProfileError) as error:
        read_results(recorded(name, change), name)
    return str(error.value)


@pytest.mark.parametrize("name", [AIPERF, INFERENCE_PERF])
def test_a_run_of_streams_gives_a_step_of_its_time_per_token_and_not_of_its_chunks(
    name: str,
) -> None:
    measured = read_results(recorded(name), name)
    assert measured.prefill == ()
    (point,) = measured.decode
    assert point.seconds == pytest.approx(0.010, rel=0.01)
    assert point.context_tokens == 32 + 64 / 2
    assert 1.0 <= point.sequences < 1.5


def one_token(document: dict[str, Any]) -> None:
    if "aiperf_version" in document:
        document["output_sequence_length"]["avg"] = 1.0
        # Without a second token there are no gaps.
        del document["inter_token_latency"]
        return
    document["successes"]["output_tokens"]["mean"] = 1.0
    latency = document["successes"]["latency"]
    latency["time_per_output_token"] = None
    latency["request_latency"] = latency["time_to_first_token"]


def crowd(document: dict[str, Any]) -> None:
    one_token(document)
    if "aiperf_version" in document:
        document["effective_concurrency"]["avg"] = 8.0
        document["request_throughput"]["avg"] = 4.0
        return
    document["successes"]["throughput"]["requests_per_sec"] = 4.0
    document["successes"]["latency"]["request_latency"]["mean"] = 2.0


@pytest.mark.parametrize("name", [AIPERF, INFERENCE_PERF])
def test_one_token_a_request_gives_a_pass_of_the_time_to_it_or_between_two(name: str) -> None:
    (alone,) = read_results(recorded(name, one_token), name).prefill
    assert alone.new_tokens == 32.0
    assert alone.seconds == pytest.approx(0.104, abs=0.003)
    crowded = read_results(recorded(name, crowd), name)
    assert crowded == Measured(prefill=(PrefillPoint(32.0, 0.25),))


def test_a_batch_is_that_of_the_requests_in_decode() -> None:
    def busy(document: dict[str, Any]) -> None:
        document["effective_decode_concurrency"]["avg"] = 12.5

    (point,) = read_results(recorded(AIPERF, busy), AIPERF).decode
    assert point.sequences == 12.5


def set_to(*path: str, value: object) -> Change:
    def change(document: dict[str, Any]) -> None:
        for part in path[:-1]:
            document = document[part]
        document[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            AIPERF,
            set_to("time_to_first_token", "unit", value="us"),
            "time_to_first_token.unit: expected ms or sec, found 'us'",
        ),
        (
            AIPERF,
            set_to("inter_token_latency", "p50", value=0.0),
            "inter_token_latency.p50: 0 cannot be",
        ),
        (
            AIPERF,
            lambda document: document.pop("time_to_first_token"),
            "has no time_to_first_token.unit; was it no stream?",
        ),
        (
            INFERENCE_PERF,
            set_to("successes", "output_tokens", "mean", value=None),
            "successes.output_tokens.mean: expected a number, found None",
        ),
        (
            INFERENCE_PERF,
            lambda document: document["load_summary"].pop("requested_rate"),
            "is inference-perf's summary of all stages, whose rates differ; give its stage_N",
        ),
    ],
)
def test_what_is_not_understood_is_named_with_its_field(
    name: str, change: Change, message: str
) -> None:
    assert message in refusal(name, change)


def test_single_requests_of_aiperf_are_refused_with_the_file_to_give() -> None:
    line = json.dumps({"metadata": {"x_correlation_id": "a"}, "metrics": {}})
    with pytest.raises(ProfileError, match=r"line 1: is one request of aiperf; give its profile_e"):
        read_results(line, "profile_export.jsonl")
