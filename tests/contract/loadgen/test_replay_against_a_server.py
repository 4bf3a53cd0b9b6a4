"""The generator against a server that streams chat completions as SGLang does."""

import asyncio
import itertools
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from pd_e2e.loadgen.client import ChatClient, Planned, open_session
from pd_e2e.loadgen.prompts import PromptText
from pd_e2e.loadgen.records import Outcome, RequestRecord, read_records
from pd_e2e.loadgen.replay import replay
from pd_e2e.loadgen.run import ReplayClock, read_progress
from pd_e2e.loadgen.schedule import Schedule


@dataclass(frozen=True)
class Manners:
    """How the server answers. Seconds of the first token and between chunks, tokens per chunk."""

    first_token_seconds: float = 0.0
    chunk_seconds: float = 0.0
    chunk_tokens: int = 1
    role_seconds_ahead: float = 0.0
    fault: str = ""


class StreamingServer:
    """Answers `/v1/chat/completions`; the model name of a request picks its manners."""

    def __init__(self) -> None:
        self.url = ""
        self.manners: dict[str, Manners] = {}
        self.bodies: list[dict[str, Any]] = []

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_post("/v1/chat/completions", self._complete)
        return application

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        manners = self.manners[body["model"]]
        if manners.fault == "stall":
            await asyncio.Event().wait()
        if manners.fault == "refuse":
            return web.json_response({"error": {"message": "no worker"}}, status=503)
        await asyncio.sleep(manners.first_token_seconds)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        async for event in _events(body, manners):
            await response.write(event)
            if manners.fault == "cut":
                assert request.transport is not None
                request.transport.abort()
                return response
        return response


async def _events(body: dict[str, Any], manners: Manners) -> AsyncIterator[bytes]:
    yield _chunk({"role": "assistant", "content": ""})
    await asyncio.sleep(manners.role_seconds_ahead)
    if manners.fault == "nonsense":
        yield b'data: {"usage":{"prompt_tokens":"many"}}\n\n'
    if manners.fault == "error":
        yield b'data: {"error":{"message":"decode out of memory","code":500}}\n\n'
    wanted = body["max_tokens"] - (manners.fault == "short")
    for sent in range(0, wanted, manners.chunk_tokens):
        if sent:
            await asyncio.sleep(manners.chunk_seconds)
        yield _chunk({"content": "ab " * min(manners.chunk_tokens, wanted - sent)})
    yield _chunk({"content": ""}, finish_reason="length")
    prompt = len(body["messages"][0]["content"].split())
    yield _event({"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": wanted}})
    if manners.fault != "unfinished":
        yield b"data: [DONE]\n\n"


def _chunk(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return _event({"choices": [choice], "usage": None})


def _event(value: object) -> bytes:
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


@pytest.fixture
async def server() -> AsyncIterator[StreamingServer]:
    """The server, listening on a free port of loopback."""
    server = StreamingServer()
    runner = web.AppRunner(server.application(), handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()


def schedule(*arrivals: tuple[float, str], output_tokens: int = 4) -> Schedule:
    """Requests of (second, model name), 10 tokens in."""
    models = tuple(dict.fromkeys(model for _, model in arrivals))
    return Schedule(
        services=models,
        seconds=np.array([second for second, _ in arrivals]),
        service=np.array([models.index(model) for _, model in arrivals]),
        input_tokens=np.full(len(arrivals), 10),
        output_tokens=np.full(len(arrivals), output_tokens),
    )


async def play(
    server: StreamingServer,
    wanted: Schedule,
    *,
    timeout_seconds: float = 20.0,
    stop: asyncio.Event | None = None,
    on_record: Callable[[RequestRecord], None] = lambda record: None,
) -> dict[str, list[RequestRecord]]:
    """Replay `wanted` with the service's name as the model's; records by service."""
    records: dict[str, list[RequestRecord]] = {name: [] for name in wanted.services}

    def keep(record: RequestRecord) -> None:
        records[record.service].append(record)
        on_record(record)

    clock = ReplayClock.starting_at(time.time())
    async with open_session(timeout_seconds) as session:

        def send(planned: Planned) -> Awaitable[RequestRecord]:
            prompts = PromptText.random(seed=1)
            return ChatClient(session, server.url, planned.service, prompts, clock).send(planned)

        await replay(
            wanted,
            send,
            clock=clock,
            stop=stop or asyncio.Event(),
            on_sent=lambda planned: None,
            on_record=keep,
        )
    return records


async def test_a_stalled_server_delays_no_later_arrival(server: StreamingServer) -> None:
    server.manners = {"stalled": Manners(fault="stall"), "fine": Manners()}
    stop = asyncio.Event()
    fine = itertools.count(1)

    def stop_after_the_last(record: RequestRecord) -> None:
        if record.service == "fine" and next(fine) == 20:
            stop.set()

    arrivals = [(0.0, "stalled")] * 200 + [(0.01 * n, "fine") for n in range(20)]
    records = await play(server, schedule(*arrivals), stop=stop, on_record=stop_after_the_last)

    assert [record.outcome for record in records["fine"]] == [Outcome.OK] * 20
    assert [record.outcome for record in records["stalled"]] == [Outcome.INTERRUPTED] * 200


async def test_first_token_and_time_per_token_are_those_of_the_stream(
    server: StreamingServer,
) -> None:
    server.manners = {
        "slow": Manners(first_token_seconds=0.3, chunk_seconds=0.08, chunk_tokens=4),
        "instant": Manners(),
    }
    wanted = schedule((0.0, "slow"), (0.0, "instant"), output_tokens=12)
    records = await play(server, wanted)

    slow, instant = records["slow"][0], records["instant"][0]
    # The server cannot be faster than its own sleeps; two gaps lie between three chunks.
    assert slow.ttft_seconds >= 0.3
    assert slow.tpot_seconds >= 2 * 0.08 / 11
    assert slow.finished_seconds - slow.sent_seconds >= slow.ttft_seconds + 11 * slow.tpot_seconds
    assert instant.ttft_seconds < slow.ttft_seconds
    assert (slow.prompt_tokens_counted, slow.output_tokens_received) == (10, 12)


async def test_a_role_event_without_text_is_not_the_first_token(server: StreamingServer) -> None:
    server.manners = {"role-first": Manners(role_seconds_ahead=0.3)}
    records = await play(server, schedule((0.0, "role-first")))

    assert records["role-first"][0].ttft_seconds >= 0.3


@pytest.mark.parametrize(
    ("fault", "outcome", "status", "detail"),
    [
        ("refuse", Outcome.HTTP_ERROR, 503, "no worker"),
        ("error", Outcome.STREAM_ERROR, 200, "decode out of memory"),
        ("short", Outcome.SHORT, 200, ""),
        ("unfinished", Outcome.SHORT, 200, ""),
        ("cut", Outcome.RESET, 200, "ClientPayloadError"),
        ("nonsense", Outcome.STREAM_ERROR, 200, "unreadable usage"),
    ],
)
async def test_a_failure_is_recorded_as_the_client_saw_it(
    server: StreamingServer, fault: str, outcome: Outcome, status: int, detail: str
) -> None:
    server.manners = {"faulty": Manners(fault=fault)}
    [record] = (await play(server, schedule((0.0, "faulty"))))["faulty"]

    assert (record.outcome, record.status) == (outcome, status)
    assert detail in record.detail


async def test_an_answer_that_never_comes_times_out(server: StreamingServer) -> None:
    server.manners = {"stalled": Manners(fault="stall")}
    records = await play(server, schedule((0.0, "stalled")), timeout_seconds=0.2)

    assert records["stalled"][0].outcome is Outcome.TIMEOUT


async def test_a_refused_connection_is_a_reset(server: StreamingServer) -> None:
    server.url = "http://127.0.0.1:1"
    records = await play(server, schedule((0.0, "nobody")))

    assert records["nobody"][0].outcome is Outcome.RESET


async def test_prompts_have_the_asked_length_and_different_beginnings(
    server: StreamingServer,
) -> None:
    server.manners = {"fine": Manners()}
    await play(server, schedule(*[(0.0, "fine")] * 10))

    prompts = [body["messages"][0]["content"].split() for body in server.bodies]
    assert [len(prompt) for prompt in prompts] == [10] * 10
    assert len({tuple(prompt[:4]) for prompt in prompts}) == 10


async def test_an_interrupted_process_writes_what_it_has(
    server: StreamingServer, tmp_path: Path
) -> None:
    server.manners = {"fine": Manners()}
    output, progress = tmp_path / "run.parquet", tmp_path / "progress.jsonl"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pd_e2e.loadgen", "--url", server.url, "--model", "fine"),
        *("--scenario", "steady", "--rate", "50", "--duration-seconds", "600"),
        *("--output", str(output), "--progress-file", str(progress)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            while (line := read_progress(progress)) is None or line.finished < 10:
                assert process.returncode is None
                await asyncio.sleep(0.05)
            process.send_signal(signal.SIGINT)
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()

    table = read_records(output)
    assert process.returncode == 130
    assert b"0 failed" in said
    assert table.ok.sum() >= 10
    # The progress file's last line speaks of the same requests as the records.
    last = read_progress(progress)
    assert last is not None
    assert last.finished == len(table)
