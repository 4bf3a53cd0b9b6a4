"""SGLang's change of role while it runs: `POST /pd_role_switch` (0.5.21 and newer).

The engine must be idle. Its first change to decode captures CUDA graphs, of the size that a decode
tells of itself; 0 where graphs are off.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout

from pd_operator.actuation.fence import Fence
from pd_operator.api.roles import Role

SWITCH_TIMEOUT_SECONDS = 8.0
"""0.5 s without CUDA graphs. An engine that takes longer goes on, and is asked again."""

ASK_TIMEOUT_SECONDS = 2.0


NO_ANSWERS = (TimeoutError, ClientError, OSError, ValueError, LookupError, TypeError)
"""What comes of an engine that does not answer, or of an answer that is none."""

REFUSALS = range(400, 500)
"""HTTP statuses of a question that an engine does not follow; a failed change has 500."""


LONGEST_QUOTE = 200
"""Characters of an answer that is not as expected, for the log."""


class SwitchResult(StrEnum):
    """What became of a change of role."""

    SWITCHED = "Switched"
    NOT_ASKED = "NotAsked"
    """The question has not reached it."""
    REFUSED = "Refused"
    """It still serves its old role."""
    IN_BETWEEN = "InBetween"
    """It serves neither: it is on its way, or will not arrive."""
    UNANSWERED = "Unanswered"
    """It may have heard the question, and serve either role or none."""


@dataclass(frozen=True)
class SwitchAnswer:
    """What an engine said when asked to take another role, in its own words."""

    result: SwitchResult
    message: str


RoleSwitch = Callable[[str, Role, str], Awaitable[SwitchAnswer]]
"""`switch_role` with its session: from the address, the role, and `graphs_of`."""


def fenced_switch(fence: Fence, switch: RoleSwitch) -> RoleSwitch:
    """The same, begun only by a leader; `DeposedError` otherwise.

    An engine may go on for longer than a write may take. That is safe: the flip is on the pod, and
    an engine that has switched says yes again.
    """

    async def fenced(address: str, role: Role, graphs_of: str) -> SwitchAnswer:
        with fence.writing():
            return await switch(address, role, graphs_of)

    return fenced


async def switch_role(
    session: ClientSession, address: str, role: Role, graphs_of: str = ""
) -> SwitchAnswer:
    """Ask the engine at `address` to take `role`. Raises nothing.

    `graphs_of`: address of a decode whose CUDA graphs it takes the size of.
    """
    body: dict[str, Any] = {"new_role": role.value}
    try:
        if graphs_of:
            body |= await _decode_graphs(session, graphs_of)
    except NO_ANSWERS as error:
        return SwitchAnswer(SwitchResult.NOT_ASKED, _words(error))
    try:
        timeout = ClientTimeout(total=SWITCH_TIMEOUT_SECONDS)
        url = f"{address}/pd_role_switch"
        async with session.post(url, json=body, timeout=timeout) as response:
            return _answer(response.status, await response.text())
    except ClientConnectorError as error:
        return SwitchAnswer(SwitchResult.NOT_ASKED, _words(error))
    except NO_ANSWERS as error:
        return SwitchAnswer(SwitchResult.UNANSWERED, _words(error))


async def _decode_graphs(session: ClientSession, address: str) -> dict[str, Any]:
    """Size of a decode's CUDA graphs, as `/pd_role_switch` wants to be told."""
    timeout = ClientTimeout(total=ASK_TIMEOUT_SECONDS)
    async with session.get(f"{address}/server_info", timeout=timeout) as response:
        state = json.loads(await response.text())["internal_states"][0]
    graphs = {"decode_cuda_graph_memory_gb": state["decode_cuda_graph_memory_gb"] or 0}
    sizes = state.get("decode_cuda_graph_bs")
    return graphs | ({"decode_cuda_graph_bs": sizes} if sizes else {})


def _answer(status: int, text: str) -> SwitchAnswer:
    """What the engine's words come to; whatever else is said, only its own `false` is unsafe."""
    said = json.loads(text)
    if not isinstance(said, Mapping):
        raise TypeError(f"{status}, and no object: {text[:LONGEST_QUOTE]}")
    message = str(said.get("message") or text[:LONGEST_QUOTE])
    if said.get("success") is True:
        return SwitchAnswer(SwitchResult.SWITCHED, message)
    if said.get("safe_to_restore") is False:
        return SwitchAnswer(SwitchResult.IN_BETWEEN, message)
    refused = said.get("safe_to_restore") is True or status in REFUSALS
    return SwitchAnswer(SwitchResult.REFUSED if refused else SwitchResult.UNANSWERED, message)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
