"""The operator's question to an engine, and every answer that an engine has."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiohttp import ClientSession

from pd_e2e.engine.processes import Fleet, until
from pd_operator.actuation.role_switch import SwitchResult, switch_role
from pd_operator.api.roles import Role

FLAGS = ("--enable-pd-role-switch", "--disaggregation-decode-enable-radix-cache")


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


async def test_an_idle_pair_changes_roles_and_says_yes_again(
    fleet: Fleet, session: ClientSession
) -> None:
    prefill, decode = fleet.pair(*FLAGS)
    for _ in range(2):
        answer = await switch_role(session, prefill.url, Role.DECODE, decode.url)
        assert answer.result is SwitchResult.SWITCHED
    assert prefill.queues()["mode"] == "decode"
    assert (await switch_role(session, decode.url, Role.PREFILL)).result is SwitchResult.SWITCHED
    assert decode.queues()["mode"] == "prefill"


async def test_a_busy_engine_keeps_its_role(fleet: Fleet, session: ClientSession) -> None:
    prefill, decode = fleet.pair(*FLAGS)
    body = {"prompt": "x", "bootstrap_host": prefill.host, "bootstrap_room": 1}
    with ThreadPoolExecutor(1) as threads:
        threads.submit(prefill.post, "/v1/completions", body)
        until(lambda: prefill.load()["num_waiting_reqs"] == 1, "it waits")
        answer = await switch_role(session, prefill.url, Role.DECODE, decode.url)
        prefill.post("/abort_request", {"abort_all": True})
    assert answer.result is SwitchResult.REFUSED
    assert "not idle" in answer.message


async def test_an_engine_without_the_flag_keeps_its_role(
    fleet: Fleet, session: ClientSession
) -> None:
    decode = fleet.engine("decode").until_ready()
    answer = await switch_role(session, decode.url, Role.PREFILL)
    assert answer.result is SwitchResult.REFUSED
    assert "--enable-pd-role-switch" in answer.message


async def test_an_engine_that_is_gone_or_a_decode_that_does_not_tell_means_not_asked(
    fleet: Fleet, session: ClientSession
) -> None:
    prefill = fleet.engine("prefill", *FLAGS).until_ready()
    nobody = "http://127.0.0.1:1"
    assert (await switch_role(session, nobody, Role.PREFILL)).result is SwitchResult.NOT_ASKED
    answer = await switch_role(session, prefill.url, Role.DECODE, nobody)
    assert answer.result is SwitchResult.NOT_ASKED
    assert prefill.queues()["mode"] == "prefill"
