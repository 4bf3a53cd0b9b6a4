"""What is made of an engine's answer, whatever that is."""

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from pd_operator.actuation.role_switch import SwitchAnswer, SwitchResult, switch_role
from pd_operator.api.roles import Role


async def said(status: int, text: str) -> SwitchAnswer:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    app = web.Application()
    app.router.add_post("/pd_role_switch", answer)
    async with TestServer(app) as server, ClientSession() as session:
        return await switch_role(session, str(server.make_url("")).rstrip("/"), Role.PREFILL)


@pytest.mark.parametrize(
    ("status", "text", "result"),
    [
        (200, '{"success": true, "message": "ok", "safe_to_restore": false}', "Switched"),
        (400, '{"success": false, "message": "busy", "safe_to_restore": true}', "Refused"),
        (400, '{"success": false, "message": "lost", "safe_to_restore": false}', "InBetween"),
        (500, '{"success": false, "safe_to_restore": false}', "InBetween"),
        (404, '{"detail": "Not Found"}', "Refused"),
        (422, '{"detail": [{"msg": "new_role"}]}', "Refused"),
        (500, '{"success": false, "message": "out of memory"}', "Unanswered"),
        (500, '{"success": false, "safe_to_restore": null}', "Unanswered"),
        (200, "[]", "Unanswered"),
        (200, "null", "Unanswered"),
        (200, '"ok"', "Unanswered"),
        (503, "no upstream", "Unanswered"),
    ],
)
async def test_only_an_engine_that_says_so_itself_is_in_between(
    status: int, text: str, result: str
) -> None:
    assert (await said(status, text)).result == SwitchResult(result)


async def test_what_was_said_is_told_where_it_is_no_message() -> None:
    assert (await said(404, '{"detail": "Not Found"}')).message == '{"detail": "Not Found"}'
    assert "[]" in (await said(200, "[]")).message
