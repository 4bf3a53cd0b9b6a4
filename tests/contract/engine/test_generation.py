"""A prefill and a decode by hand: the same body to both, as the router sends it."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession

from pd_e2e.engine.processes import BOOTSTRAP_PORT, Process, until

Pair = tuple[Process, Process]
_rooms = count(1000)


@dataclass
class Answers:
    """Status and text of both workers."""

    prefill: tuple[int, str]
    decode: tuple[int, str]

    @property
    def events(self) -> list[Any]:
        """The decode's server-sent events; the last is `[DONE]`."""
        data = [line[6:] for line in self.decode[1].splitlines() if line.startswith("data: ")]
        assert data[-1] == "[DONE]"
        return [json.loads(part) for part in data[:-1]]


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield session


async def send(session: ClientSession, pair: Pair, path: str, body: dict[str, Any]) -> Answers:
    prefill, _ = pair
    full = {
        "bootstrap_host": prefill.host,
        "bootstrap_port": BOOTSTRAP_PORT,
        "bootstrap_room": next(_rooms),
        "model": "model",
        **body,
    }

    async def post(worker: Process) -> tuple[int, str]:
        async with session.post(worker.url + path, json=full) as answer:
            return answer.status, await answer.text()

    return Answers(*await asyncio.gather(*(post(worker) for worker in pair)))


MESSAGES = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": [{"type": "text", "text": "one two three"}]},
]


async def test_a_chat_stream_has_role_text_finish_and_usage(
    session: ClientSession, pair: Pair
) -> None:
    body = {
        "messages": MESSAGES,
        "max_tokens": 10,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    answers = await send(session, pair, "/v1/chat/completions", body)
    assert answers.decode[0] == 200
    events = answers.events
    assert {event["object"] for event in events} == {"chat.completion.chunk"}
    assert {event["model"] for event in events} == {"model"}
    assert len({event["id"] for event in events}) == 1
    deltas = [event["choices"][0]["delta"] for event in events[:-1]]
    assert deltas[0]["role"] == "assistant"
    text = "".join(delta.get("content", "") for delta in deltas)
    assert len(text.split()) == 10
    assert events[-2]["choices"][0]["finish_reason"] == "length"
    assert events[-1]["choices"] == []
    usage = events[-1]["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (
        5,
        10,
        15,
    )


async def test_chunks_hold_as_many_tokens_as_the_stream_interval(
    session: ClientSession, pair: Pair
) -> None:
    body = {"prompt": "one two", "max_tokens": 12, "stream": True}
    answers = await send(session, pair, "/v1/completions", body)
    counts = [len(event["choices"][0]["text"].split()) for event in answers.events]
    assert counts == [1, 4, 4, 3]
    assert answers.events[-1]["choices"][0]["finish_reason"] == "length"


async def test_a_whole_chat_answer_has_message_and_usage(
    session: ClientSession, pair: Pair
) -> None:
    body = {"messages": MESSAGES, "max_completion_tokens": 7}
    answers = await send(session, pair, "/v1/chat/completions", body)
    status, text = answers.decode
    answer = json.loads(text)
    assert status == 200
    assert answer["object"] == "chat.completion"
    (choice,) = answer["choices"]
    assert len(choice["message"]["content"].split()) == 7
    assert choice["message"]["role"] == "assistant"
    assert choice["finish_reason"] == "length"
    assert answer["usage"]["prompt_tokens"] == 5
    assert answer["usage"]["completion_tokens"] == 7


async def test_generate_answers_with_meta_info(session: ClientSession, pair: Pair) -> None:
    body = {"text": "one two three", "sampling_params": {"max_new_tokens": 6}, "rid": "mine"}
    answers = await send(session, pair, "/generate", body)
    answer = json.loads(answers.decode[1])
    meta = answer["meta_info"]
    assert len(answer["text"].split()) == len(answer["output_ids"]) == 6
    assert (meta["id"], meta["prompt_tokens"], meta["completion_tokens"]) == ("mine", 3, 6)
    assert meta["finish_reason"] == {"type": "length", "length": 6}
    assert meta["e2e_latency"] > 0


async def test_a_generate_stream_repeats_the_text_so_far(
    session: ClientSession, pair: Pair
) -> None:
    body = {"text": "one", "sampling_params": {"max_new_tokens": 9}, "stream": True}
    answers = await send(session, pair, "/generate", body)
    lengths = [len(event["text"].split()) for event in answers.events]
    assert lengths == [1, 5, 9]


async def test_a_prefill_answers_with_the_first_token_alone(
    session: ClientSession, pair: Pair
) -> None:
    body = {"text": "one two", "sampling_params": {"max_new_tokens": 6}}
    answers = await send(session, pair, "/generate", body)
    status, text = answers.prefill
    assert status == 200
    assert json.loads(text)["meta_info"]["completion_tokens"] == 1


async def test_lists_of_one_are_a_batch_of_one(session: ClientSession, pair: Pair) -> None:
    prefill, _ = pair
    body = {
        "input_ids": [[1, 2, 3, 4]],
        "sampling_params": {"max_new_tokens": 3},
        "bootstrap_host": [prefill.host],
        "bootstrap_port": [BOOTSTRAP_PORT],
        "bootstrap_room": [next(_rooms)],
    }
    answers = await send(session, pair, "/generate", body)
    assert json.loads(answers.decode[1])["meta_info"]["prompt_tokens"] == 4


async def test_without_a_port_the_worker_assumes_its_own(
    session: ClientSession, pair: Pair
) -> None:
    body = {"prompt": "one", "max_tokens": 2, "bootstrap_port": None}
    answers = await send(session, pair, "/v1/completions", body)
    assert answers.decode[0] == 200


async def test_many_requests_at_once_all_get_their_tokens(
    session: ClientSession, pair: Pair
) -> None:
    body = {"prompt": "word " * 300, "max_tokens": 20, "stream": True}
    answers = await asyncio.gather(
        *(send(session, pair, "/v1/completions", body) for _ in range(40))
    )
    for answer in answers:
        tokens = sum(len(event["choices"][0]["text"].split()) for event in answer.events)
        assert tokens == 20


async def test_profiling_one_role_alone_needs_no_peer(session: ClientSession, pair: Pair) -> None:
    body = {"text": "one", "sampling_params": {"max_new_tokens": 5}, "bootstrap_host": "2.2.2.2"}
    answers = await send(session, pair, "/generate", body)
    assert json.loads(answers.prefill[1])["meta_info"]["completion_tokens"] == 1
    assert json.loads(answers.decode[1])["meta_info"]["completion_tokens"] == 5


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("/v1/completions", {"prompt": "x", "bootstrap_room": None}, "bootstrap room id"),
        ("/v1/completions", {"prompt": "x", "max_tokens": 0}, "positive"),
        ("/v1/completions", {"prompt": "x", "n": 3}, "n=1"),
        ("/v1/chat/completions", {"messages": []}, "messages"),
        ("/v1/completions", {"prompt": "word " * 140_000}, "longer than the model's context"),
        ("/generate", {"sampling_params": {}}, "prompt is needed"),
    ],
)
async def test_a_body_that_cannot_be_served_is_refused(
    session: ClientSession, pair: Pair, path: str, body: dict[str, Any], says: str
) -> None:
    answers = await send(session, pair, path, body)
    status, text = answers.decode
    assert status == 400
    assert says in text


async def test_a_body_that_is_not_json_is_refused(session: ClientSession, pair: Pair) -> None:
    async with session.post(pair[1].url + "/v1/completions", data=b"{") as answer:
        assert answer.status == 400


async def test_a_client_that_goes_away_leaves_nothing_behind(
    session: ClientSession, pair: Pair
) -> None:
    prefill, decode = pair
    body = {"prompt": "x", "max_tokens": 5000, "stream": True}
    task = asyncio.create_task(send(session, pair, "/v1/completions", body))
    await asyncio.to_thread(until, lambda: decode.load()["num_running_reqs"] == 1, "it runs")
    task.cancel()
    await asyncio.to_thread(until, lambda: decode.load()["num_running_reqs"] == 0, "it is gone")
    assert prefill.load()["num_waiting_reqs"] == 0
    assert decode.load()["num_used_tokens"] == 0
