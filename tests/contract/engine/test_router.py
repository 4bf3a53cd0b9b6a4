"""Behind SGLang's real router, with file discovery, as in the cluster."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from pd_e2e.engine.processes import Fleet, Process, until, write_worker_table

from .asking_the_router import CHAT, COMPLETIONS, REFUSED, counted, leave_a_stream, refusal


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Two prefills, two decodes, the router, and its worker file."""
    folder = tmp_path_factory.mktemp("stack")
    fleet = Fleet(folder)
    workers = [fleet.engine(role, "--stream-interval", "8") for role in 2 * ("prefill", "decode")]
    for worker in workers:
        worker.until_ready()
    table = folder / "workers.json"
    write_worker_table(table, workers[::2], workers[1::2])
    router = fleet.router(table, "--load-monitor-interval", "1").until_ready("/readiness")
    until(lambda: router.get_json("/workers")["total"] == 4, "the router knows all workers")
    yield {"router": router, "prefills": workers[::2], "decodes": workers[1::2], "table": table}
    fleet.stop()


def served(workers: list[Process]) -> list[int]:
    """Requests each worker has finished."""
    counts = []
    for worker in workers:
        lines = worker.get("/metrics")[1].splitlines()
        counted = (line for line in lines if line.startswith("sglang:num_requests_total"))
        counts.append(int(sum(float(line.rsplit(" ", 1)[1]) for line in counted)))
    return counts


async def stream(session: aiohttp.ClientSession, router: Process, tokens: int) -> int:
    """Send a chat request; returns the tokens that its stream brought."""
    body = {
        "model": "model",
        "messages": [{"role": "user", "content": "word " * 300}],
        "max_tokens": tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    async with session.post(router.url + "/v1/chat/completions", json=body) as answer:
        text = await answer.text()
        assert answer.status == 200, text
    events = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    usage = json.loads(events[-2])["usage"]
    assert usage["prompt_tokens"] == 300
    return int(usage["completion_tokens"])


async def test_a_chat_stream_comes_through(stack: dict[str, Any]) -> None:
    async with aiohttp.ClientSession() as session:
        assert await stream(session, stack["router"], 30) == 30


async def test_a_whole_answer_comes_through(stack: dict[str, Any]) -> None:
    body = {"model": "model", "prompt": "one two", "max_tokens": 5}
    status, text = await asyncio.to_thread(stack["router"].post, "/v1/completions", body)
    assert status == 200
    assert json.loads(text)["usage"]["completion_tokens"] == 5


async def test_generate_comes_through(stack: dict[str, Any]) -> None:
    body = {"model": "model", "text": "one two", "sampling_params": {"max_new_tokens": 5}}
    status, text = await asyncio.to_thread(stack["router"].post, "/generate", body)
    assert status == 200
    assert json.loads(text)["meta_info"]["completion_tokens"] == 5


async def test_load_spreads_over_all_workers_and_none_is_lost(stack: dict[str, Any]) -> None:
    before = [served(stack[role]) for role in ("prefills", "decodes")]
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        tokens = await asyncio.gather(*(stream(session, stack["router"], 40) for _ in range(60)))
    assert tokens == [40] * 60
    for role, counts in zip(("prefills", "decodes"), before, strict=True):
        shares = [now - then for now, then in zip(served(stack[role]), counts, strict=True)]
        assert sum(shares) == 60
        assert min(shares) >= 10, (role, shares)


async def test_the_router_reads_the_engines_loads(stack: dict[str, Any]) -> None:
    def workers() -> list[Any]:
        return list(stack["router"].get_json("/workers")["workers"])

    await asyncio.to_thread(
        until, lambda: all("engine_load" in worker for worker in workers()), "loads are polled"
    )
    for worker in workers():
        (load,) = worker["engine_load"]["loads"]
        assert load["max_total_num_tokens"] > 0
        assert worker["is_healthy"]


async def test_a_worker_that_leaves_the_table_finishes_what_it_has(stack: dict[str, Any]) -> None:
    router, table = stack["router"], stack["table"]
    leaving, staying = stack["decodes"]
    async with aiohttp.ClientSession() as session:
        tasks = [asyncio.create_task(stream(session, router, 400)) for _ in range(8)]
        await asyncio.to_thread(until, lambda: leaving.load()["num_running_reqs"] > 0, "it runs")
        write_worker_table(table, stack["prefills"], [staying])
        assert await asyncio.gather(*tasks) == [400] * 8
        await asyncio.to_thread(
            until, lambda: router.get_json("/workers")["total"] == 3, "the router lets it go"
        )
        count = served([leaving])
        assert await stream(session, router, 10) == 10
        assert served([leaving]) == count
    write_worker_table(table, stack["prefills"], [leaving, staying])
    await asyncio.to_thread(
        until, lambda: router.get_json("/workers")["total"] == 4, "the router takes it back"
    )


@pytest.mark.parametrize("what", REFUSED)
def test_the_router_refuses_by_itself_and_counts_it_as_offered(
    stack: dict[str, Any], what: str
) -> None:
    path, body, status, code = REFUSED[what]
    before = counted(stack["router"], "smg_http_requests_total", path=path)
    assert refusal(stack["router"].post(path, body)) == (status, code)
    assert counted(stack["router"], "smg_http_requests_total", path=path) == before + 1


def test_a_client_that_hangs_up_is_a_499_and_no_failure_of_a_worker(stack: dict[str, Any]) -> None:
    router = stack["router"]
    failures = counted(router, "smg_worker_cb_outcomes_total", outcome="failure")
    leave_a_stream(router, 20_000)
    left = {"path": COMPLETIONS, "status_code": "499"}
    until(lambda: counted(router, "smg_http_responses_total", **left) == 1, "it is counted")
    assert counted(router, "smg_worker_cb_outcomes_total", outcome="failure") == failures
    decodes = stack["decodes"]
    until(lambda: not any(d.load()["num_running_reqs"] for d in decodes), "it was given up")


async def test_the_routers_time_of_a_stream_ends_at_its_head(stack: dict[str, Any]) -> None:
    router = stack["router"]
    timed, ended = "smg_http_request_duration_seconds_count", "smg_http_responses_total"
    before = counted(router, timed, path=CHAT), counted(router, ended, path=CHAT)
    async with aiohttp.ClientSession() as session:
        streaming = asyncio.create_task(stream(session, router, 500))
        await asyncio.to_thread(
            until, lambda: counted(router, timed, path=CHAT) == before[0] + 1, "it is timed"
        )
        assert counted(router, ended, path=CHAT) == before[1]
        assert sum(worker.load()["num_running_reqs"] for worker in stack["decodes"]) == 1
        assert await streaming == 500
    until(lambda: counted(router, ended, path=CHAT) == before[1] + 1, "it has ended")


async def test_a_decode_that_cannot_reach_the_prefill_fails_the_request(
    fleet: Fleet, tmp_path: Path
) -> None:
    """The table names a bootstrap port at which nobody listens."""
    quick = {"PD_ENGINE_PREFILL_ATTEMPTS": "2", "PD_ENGINE_PREFILL_ATTEMPT_SECONDS": "0.1"}
    prefill, decode = fleet.pair(env=quick)
    table = tmp_path / "workers.json"
    write_worker_table(table, [prefill], [decode])
    table.write_text(table.read_text().replace("8998", "8997"))
    router = fleet.router(table, "--disable-retries", "--request-timeout-secs", "20")
    router.until_ready("/readiness")
    body = {"model": "model", "prompt": "one", "max_tokens": 5}
    status, text = await asyncio.to_thread(router.post, "/v1/completions", body)
    assert status == 500
    assert "Decode handshake failed for request" in json.loads(text)["error"]["message"]
    until(lambda: decode.load()["num_waiting_reqs"] == 0, "the decode gave it up")
    until(lambda: prefill.load()["num_waiting_reqs"] == 0, "the router let the prefill go")
    assert "Could not fetch prefill parallel info" in decode.output()


def test_a_table_without_a_worker_knows_no_model(fleet: Fleet, tmp_path: Path) -> None:
    table = tmp_path / "workers.json"
    write_worker_table(table, [], [])
    router = fleet.router(table).until_ready("/liveness")
    asked = router.post(COMPLETIONS, {"model": "model", "prompt": "one"})
    assert refusal(asked) == (404, "model_not_found")
