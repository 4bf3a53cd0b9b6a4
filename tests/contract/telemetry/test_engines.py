"""What is believed of an engine's answer, over real HTTP."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from pd_operator.api.roles import Role
from pd_operator.scaling.observation import Known, Unknown
from pd_operator.telemetry.engines import MAXIMUM_AT_ONCE, MAXIMUM_BYTES, read_load, read_loads

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

RANK: dict[str, Any] = {
    "timestamp": 1795192835.8637629,
    "dp_rank": 0,
    "num_running_reqs": 3,
    "num_waiting_reqs": 7,
    "num_waiting_uncached_tokens": 900,
    "num_used_tokens": 4096,
    "num_active_tokens": 3072,
    "num_total_tokens": 5000,
    "max_total_num_tokens": 8192,
    "token_usage": 0.5,
    "total_prefill_uncached_tokens": 12,
    "total_prefill_busy_us": 153624,
    "decode_moments": [24.0, 24.0, 1424316.0, 24.0, 1424316.0, 24.0],
    "disaggregation": {
        "mode": "decode",
        "prefill_bootstrap_queue_reqs": 0,
        "prefill_inflight_queue_reqs": 0,
        "decode_prealloc_queue_reqs": 1,
        "decode_transfer_queue_reqs": 4,
        "decode_retracted_queue_reqs": 0,
        "kv_transfer_speed_gb_s": 0.0,
    },
    "queues": {"waiting": 2, "grammar": 0, "paused": 0, "retracted": 0},
}
ANSWER: dict[str, Any] = {
    "timestamp": "2026-11-20T16:40:37.863763+00:00",
    "version": "0.5.23",
    "loads": [RANK],
}


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


@pytest.fixture
async def serving() -> AsyncIterator[Callable[[Handler], Awaitable[str]]]:
    servers = []

    async def serve(handler: Handler) -> str:
        app = web.Application()
        app.router.add_get("/v1/loads", handler)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        return str(server.make_url("")).rstrip("/")

    yield serve
    for server in servers:
        await server.close()


def answering(body: str | bytes, status: int = 200) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        raw = body.encode() if isinstance(body, str) else body
        return web.Response(body=raw, status=status)

    return handler


def altered(field: str, value: object) -> str:
    """The answer with one field of its rank, or of the rank's queues, changed."""
    queues = RANK["disaggregation"]
    rank = (
        RANK | {"disaggregation": queues | {field: value}}
        if field in queues
        else RANK | {field: value}
    )
    return json.dumps(ANSWER | {"loads": [rank]})


async def test_a_load_is_read_with_its_queues_and_its_age(
    session: ClientSession, serving: Callable[[Handler], Awaitable[str]]
) -> None:
    url = await serving(answering(json.dumps(ANSWER)))
    reading = await read_load(session, url, 5)
    assert isinstance(reading, Known)
    assert reading.source == f"{url}/v1/loads"
    assert reading.age_seconds == pytest.approx(2.0, abs=1e-3)
    load = reading.value
    assert load.mode is Role.DECODE
    assert (load.running_requests, load.queued_requests) == (3, 7)
    assert load.kv_use == 0.5
    assert load.prefill_busy_seconds_total == pytest.approx(0.153624)
    assert not load.idle


async def test_all_data_parallel_ranks_count(
    session: ClientSession, serving: Callable[[Handler], Awaitable[str]]
) -> None:
    second = RANK | {"dp_rank": 1, "decode_moments": None}
    url = await serving(answering(json.dumps(ANSWER | {"loads": [RANK, second]})))
    reading = await read_load(session, url, 5)
    assert isinstance(reading, Known)
    assert reading.value.running_requests == 6
    assert reading.value.max_total_tokens == 16384
    assert reading.value.decode_moments == tuple(RANK["decode_moments"])


async def test_a_server_that_runs_both_roles_has_none(
    session: ClientSession, serving: Callable[[Handler], Awaitable[str]]
) -> None:
    url = await serving(answering(altered("mode", "null")))
    reading = await read_load(session, url, 5)
    assert isinstance(reading, Known)
    assert reading.value.mode is None


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("", id="empty"),
        pytest.param("<html>", id="no JSON"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param("null", id="null"),
        pytest.param("[]", id="a list"),
        pytest.param("{}", id="no loads"),
        pytest.param('{"loads": []}', id="no rank"),
        pytest.param('{"loads": [7]}', id="a rank that is a number"),
        pytest.param("[" * 100_000, id="too deep"),
        pytest.param(altered("num_running_reqs", -1), id="negative"),
        pytest.param(altered("num_running_reqs", 1.5), id="half a request"),
        pytest.param(altered("num_running_reqs", True), id="a truth"),
        pytest.param(altered("num_running_reqs", "3"), id="a word"),
        pytest.param(altered("num_running_reqs", None), id="nothing"),
        pytest.param(altered("num_used_tokens", float("nan")), id="NaN"),
        pytest.param(altered("num_used_tokens", float("inf")), id="infinity"),
        pytest.param(altered("mode", "boss"), id="another role"),
        pytest.param(altered("decode_transfer_queue_reqs", -2), id="a negative queue"),
        pytest.param(altered("disaggregation", None), id="no queues"),
        pytest.param(altered("decode_moments", [1.0]), id="too few moments"),
        pytest.param(altered("decode_moments", [-1.0] * 6), id="negative moments"),
        pytest.param(
            json.dumps(
                {
                    "loads": [
                        RANK,
                        RANK | {"disaggregation": RANK["disaggregation"] | {"mode": "prefill"}},
                    ]
                }
            ),
            id="ranks of two roles",
        ),
        pytest.param(" " * (MAXIMUM_BYTES + 1), id="too long"),
    ],
)
async def test_nonsense_is_unknown(
    session: ClientSession, serving: Callable[[Handler], Awaitable[str]], body: str | bytes
) -> None:
    reading = await read_load(session, await serving(answering(body)), 5)
    assert isinstance(reading, Unknown)
    assert reading.reason == "EngineNonsense"


async def test_a_refusal_is_unknown(
    session: ClientSession, serving: Callable[[Handler], Awaitable[str]]
) -> None:
    reading = await read_load(session, await serving(answering("{}", status=404)), 5)
    assert isinstance(reading, Unknown)
    assert (reading.reason, "404" in reading.message) == ("EngineRefused", True)


async def test_an_engine_that_hangs_is_given_up(
    session: ClientSession, serving: Callable[[Handler], Awaitable[str]]
) -> None:
    released = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await released.wait()
        return web.Response()

    reading = await read_load(session, await serving(hang), 0.2)
    released.set()
    assert isinstance(reading, Unknown)
    assert reading.reason == "EngineTimeout"


async def test_an_engine_that_is_gone_is_unreachable(session: ClientSession) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    reading = await read_load(session, f"http://127.0.0.1:{port}", 5)
    assert isinstance(reading, Unknown)
    assert reading.reason == "EngineUnreachable"


async def test_one_bad_engine_spoils_no_other_and_few_are_asked_at_once(
    session: ClientSession, serving: Callable[[Handler], Awaitable[str]]
) -> None:
    asked, most = 0, 0

    async def count(_: web.Request) -> web.Response:
        nonlocal asked, most
        asked += 1
        most = max(most, asked)
        await asyncio.sleep(0)
        asked -= 1
        return web.json_response(ANSWER)

    good, bad = await serving(count), await serving(answering("?"))
    engines = {f"worker-{i}": good for i in range(3 * MAXIMUM_AT_ONCE)} | {"bad": bad}
    loads = await read_loads(session, engines, 10)
    assert loads.keys() == engines.keys()
    assert {name for name, load in loads.items() if isinstance(load, Unknown)} == {"bad"}
    assert most <= MAXIMUM_AT_ONCE
