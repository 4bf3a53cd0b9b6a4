"""Whatever stands in a profile, it is read or refused: nothing else happens."""

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pd_operator.performance import ProfileError, parse_profile
from pd_operator.performance.benchmarks import read_results

GOOD: dict[str, Any] = {
    "schema": "pd-profile/1",
    "model": "m",
    "gpu": "g",
    "engine": "sglang",
    "engine_version": "1",
    "origin": "o",
    "kv_bytes_per_token": 1000,
    "workers": [
        {
            "tensor_parallel_size": 1,
            "gpus": 1,
            "kv_tokens": 1000,
            "startup_seconds": 10,
            "prefill": {
                "new_tokens": [1, 1000],
                "prompts": [1, 2],
                "milliseconds": [[1.0, 2.0], [50.0, None]],
            },
            "prefix": {
                "new_tokens": [1, 1000],
                "cached_tokens": [0, 1000],
                "milliseconds": [[1.0, 2.0], [50.0, 60.0]],
            },
            "decode": {
                "sequences": [1, 64],
                "context_tokens": [1, 1000],
                "milliseconds": [[5.0, 6.0], [9.0, 20.0]],
            },
        }
    ],
}


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values in a document."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*path, index))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(10**400), 0, 1])
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def test_the_good_one_is_good() -> None:
    assert parse_profile(json.dumps(GOOD), "good").tensor_parallel_sizes == (1,)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(places(GOOD))[1:]), json_values)
def test_any_value_in_any_place_is_read_or_refused(path: tuple[Any, ...], value: object) -> None:
    document = copy.deepcopy(GOOD)
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    try:
        worker = parse_profile(json.dumps(document), "mine").surfaces(1)
    except ProfileError:
        return
    assert 0 < worker.decode_step_seconds(3, 700) < 600
    assert 0 < worker.prefill_seconds(500) < 1200


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "completed",
                "batch_size",
                "server_info",
                "concurrency",
                "input_len",
                "output_len",
                "latency",
                "last_ttft",
                "total_input_tokens",
                "total_output_tokens",
                "median_tpot_ms",
                "median_itl_ms",
                "median_ttft_ms",
                "request_throughput",
            ]
        ),
        json_values,
    )
)
def test_any_benchmark_line_is_read_or_refused(line: dict[str, object]) -> None:
    try:
        measured = read_results(json.dumps(line), "run.jsonl")
    except ProfileError:
        return
    assert all(point.seconds > 0 for point in measured.prefill)
    assert all(point.seconds > 0 for point in measured.decode)
