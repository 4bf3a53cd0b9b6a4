"""The simulator beside the real engine, field by field: what differs is listed in the docs."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pd_e2e.engine.processes import Process, send_to_pair

Pair = tuple[Process, Process]
LIST = Path(__file__).parents[2] / "docs" / "sglang.md"

READ_OF_SERVER_INFO = (
    *("model_path", "tp_size", "version", "max_req_input_len", "disable_radix_cache"),
    *("disaggregation_mode", "max_total_num_tokens"),
)
READ_OF_ITS_STATE = (
    *("disaggregation_mode", "decode_cuda_graph_bs", "decode_cuda_graph_memory_gb"),
)

PROBES: dict[str, tuple[str, dict[str, Any] | None]] = {
    "prompt too long": ("/v1/completions", {"prompt": "ab " * 3000, "max_tokens": 4}),
    "sum too long": ("/v1/completions", {"prompt": "ab " * 2000, "max_tokens": 400}),
    "stream too long": ("/v1/completions", {"prompt": "ab " * 3000, "stream": True}),
    "no tokens": ("/v1/completions", {"prompt": "ab", "max_tokens": 0}),
    "no message": ("/v1/chat/completions", {"messages": []}),
    "generate too long": ("/generate", {"text": "ab " * 3000}),
    "unknown path": ("/nothing", {}),
    "unknown section": ("/v1/loads?include=nothing", None),
    "gone": ("/get_load", None),
    "no role": ("/pd_role_switch", {}),
    "its own role": ("/pd_role_switch", {"new_role": "prefill"}),
    "no graph memory": ("/pd_role_switch", {"new_role": "decode"}),
}


def reviewed() -> list[str]:
    """Patterns of the table of differences."""
    rows = [line for line in LIST.read_text().splitlines() if line.startswith("| `")]
    return [pattern for row in rows for pattern in re.findall(r"`([^`]+)`", row.split("|")[1])]


def not_reviewed(found: Iterator[str]) -> list[str]:
    return [one for one in found if not any(fnmatchcase(one, each) for each in reviewed())]


def fields(document: Any, path: str = "") -> dict[str, str]:
    """The type of each value by its path."""
    if isinstance(document, dict):
        parts = [fields(value, f"{path}.{name}") for name, value in document.items()]
        return {name: kind for part in parts for name, kind in part.items()}
    if isinstance(document, list) and document and isinstance(document[0], dict):
        return fields(document[0], f"{path}[]")
    return {path: type(document).__name__}


def series(worker: Process) -> dict[str, tuple[str, frozenset[str], frozenset[str]]]:
    """Type, labels and edges of each family."""
    return {
        family.name: (
            family.type,
            frozenset(label for sample in family.samples for label in sample.labels),
            frozenset(sample.labels.get("le", "") for sample in family.samples),
        )
        for family in text_string_to_metric_families(worker.get("/metrics")[1])
    }


def unlike(where: str, real: dict[str, Any], ours: dict[str, Any]) -> Iterator[str]:
    for name in sorted({*real, *ours}):
        if real.get(name) != ours.get(name):
            yield f"{where} {name}"


@pytest.fixture(scope="module", autouse=True)
def used(real: Pair, simulated: Pair) -> None:
    """Both pairs have ended a stream and an answer."""
    for room, stream in enumerate((True, False), start=1):
        for pair in (real, simulated):
            body = {"model": "model", "prompt": "ab " * 60, "max_tokens": 60, "stream": stream}
            send_to_pair(
                *pair, "/v1/completions", {**body, "bootstrap_room": room, "ignore_eos": True}
            )


@pytest.mark.parametrize("number", [0, 1], ids=["prefill", "decode"])
def test_the_simulator_has_the_series_of_the_real_engine(
    real: Pair, simulated: Pair, number: int
) -> None:
    theirs, ours = series(real[number]), series(simulated[number])
    assert not_reviewed(unlike("/metrics", theirs, ours)) == []


@pytest.mark.parametrize("path", ["/v1/loads", "/model_info", "/v1/models"])
@pytest.mark.parametrize("number", [0, 1], ids=["prefill", "decode"])
def test_the_simulator_has_the_fields_of_the_real_engine(
    real: Pair, simulated: Pair, number: int, path: str
) -> None:
    theirs, ours = (fields(pair[number].get_json(path)) for pair in (real, simulated))
    assert not_reviewed(unlike(path, theirs, ours)) == []


@pytest.mark.parametrize("number", [0, 1], ids=["prefill", "decode"])
def test_what_the_operator_reads_of_server_info_is_there(
    real: Pair, simulated: Pair, number: int
) -> None:
    theirs, ours = (pair[number].get_json("/server_info") for pair in (real, simulated))
    for name in READ_OF_SERVER_INFO:
        assert type(theirs[name]) is type(ours[name]), name
    for name in READ_OF_ITS_STATE:
        states = [info["internal_states"][0][name] for info in (theirs, ours)]
        assert type(states[0]) is type(states[1]), name
    assert theirs["max_req_input_len"] == ours["max_req_input_len"]


def test_the_simulator_refuses_what_the_real_engine_refuses_and_in_its_form(
    real: Pair, simulated: Pair
) -> None:
    def answer(pair: Pair, name: str) -> tuple[int, str]:
        path, body = PROBES[name]
        if body is None:
            return pair[0].get(path)
        peer = {"model": "model", "bootstrap_room": 9, "bootstrap_host": pair[0].host}
        return pair[0].post(path, body if path == "/pd_role_switch" else {**peer, **body})

    def found() -> Iterator[str]:
        for name in PROBES:
            (status, theirs), (our_status, ours) = answer(real, name), answer(simulated, name)
            if status != our_status or shape(theirs) != shape(ours):
                yield f"error {name}"

    assert not_reviewed(found()) == []


def shape(text: str) -> object:
    """The names in a body, which may be no JSON."""
    return sorted(set(re.findall(r'"(\w+)"\s*:', text)))


def test_the_list_of_differences_is_short() -> None:
    assert len([line for line in LIST.read_text().splitlines() if line.startswith("| `")]) < 20
