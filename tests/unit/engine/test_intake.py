from typing import Any

import pytest

from pd_e2e.engine.intake import (
    BadRequestError,
    IntakeLimits,
    prompt_length,
    read_chat,
    read_completion,
    read_generate,
)

LIMITS = IntakeLimits(1000, 1200, bootstrap_port=8998, context_tokens=2048)
ROOM = {"bootstrap_host": "p", "bootstrap_port": 9000, "bootstrap_room": 7}


@pytest.mark.parametrize(
    ("prompt", "tokens"),
    [
        ("one two  three\nfour", 4),
        ([5, 6, 7], 3),
        (["one two"], 2),
        ([[1, 2]], 2),
        ("", 0),
    ],
)
def test_words_and_ids_count_as_tokens(prompt: object, tokens: int) -> None:
    assert prompt_length(prompt) == tokens


@pytest.mark.parametrize("prompt", [None, [], ["a", "b"], {"text": "a"}])
def test_what_is_no_single_prompt_is_refused(prompt: object) -> None:
    with pytest.raises(BadRequestError):
        prompt_length(prompt)


def test_a_chat_counts_the_words_of_all_messages() -> None:
    body = {
        **ROOM,
        "messages": [
            {"role": "system", "content": "a b"},
            {"role": "user", "content": [{"type": "text", "text": "c d"}, {"type": "image_url"}]},
            {"role": "assistant", "content": None},
        ],
        "max_completion_tokens": 9,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    intake = read_chat(body, LIMITS, received=3.0)
    assert (intake.job.prompt_tokens, intake.job.output_tokens) == (4, 9)
    assert intake.job.streaming
    assert intake.include_usage
    assert intake.job.stamps.received == 3.0


def test_the_bootstrap_place_comes_as_scalars_or_lists_of_one() -> None:
    lists = {name: [value] for name, value in ROOM.items()}
    for place in (ROOM, lists):
        bootstrap = read_completion({"prompt": "x", **place}, LIMITS, 0.0).job.bootstrap
        assert (bootstrap.address, bootstrap.room) == ("p:9000", 7)
        assert bootstrap.has_peer


def test_without_a_port_the_servers_own_is_assumed() -> None:
    body = {"prompt": "x", **ROOM, "bootstrap_port": None}
    assert read_completion(body, LIMITS, 0.0).job.bootstrap.port == 8998


def test_output_ends_where_the_longest_sequence_does() -> None:
    body = {"prompt": "x " * 900, "max_tokens": 1100, **ROOM}
    assert read_completion(body, LIMITS, 0.0).job.output_tokens == 1200 - 900 - 1


def test_each_endpoint_has_its_default_length() -> None:
    chat = read_chat({**ROOM, "messages": [{"role": "user", "content": "x"}]}, LIMITS, 0.0)
    completion = read_completion({**ROOM, "prompt": "x"}, LIMITS, 0.0)
    generate = read_generate({**ROOM, "text": "x"}, LIMITS, 0.0)
    lengths = [intake.job.output_tokens for intake in (chat, completion, generate)]
    assert lengths == [128, 16, 128]


def test_ids_are_made_up_unless_given() -> None:
    given = read_generate({**ROOM, "text": "x", "rid": "mine"}, LIMITS, 0.0)
    made = [read_generate({**ROOM, "text": "x"}, LIMITS, 0.0) for _ in range(2)]
    assert given.job.rid == "mine"
    assert made[0].job.rid != made[1].job.rid


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"prompt": "x"}, "bootstrap room id"),
        ({"prompt": "x " * 1000, **ROOM}, "Input length .1000 tokens. exceeds"),
        ({"prompt": "x", "max_tokens": -1, **ROOM}, "positive integer"),
        (
            {"prompt": "x " * 2048, **ROOM},
            r"The input \(2048 tokens\) is longer than the model's context length \(2048 tokens\)",
        ),
        (
            {"prompt": "x " * 900, "max_tokens": 1149, **ROOM},
            "maximum context length of 2048 tokens. You requested a total of 2049 tokens: 900",
        ),
        ({"prompt": "x", "n": 2, **ROOM}, "n=1"),
        ({"prompt": "x", **ROOM, "bootstrap_room": [1, 2]}, "one prompt"),
    ],
)
def test_what_cannot_be_served_is_refused(body: dict[str, Any], says: str) -> None:
    with pytest.raises(BadRequestError, match=says):
        read_completion(body, LIMITS, 0.0)
