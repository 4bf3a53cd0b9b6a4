"""`/pd_role_switch`: from prefill to decode and back while the server runs."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from pd_e2e.engine.engine import Engine
from pd_operator.api.roles import Role

_SWITCHING_BACKENDS = ("mooncake", "mooncake_tcp", "mori")


@dataclass(frozen=True)
class SwitchResult:
    """SGLang's answer; `safe_to_restore` tells whether the worker still serves its old role."""

    success: bool
    message: str
    old_role: str
    new_role: str
    safe_to_restore: bool = False

    @property
    def status(self) -> HTTPStatus:
        """HTTP status of the answer."""
        return HTTPStatus.OK if self.success else HTTPStatus.BAD_REQUEST

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"rid": None, "http_worker_ipc": None, **asdict(self)}


class RoleSwitch:
    """The conditions, in SGLang's order and words, and the switch itself."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._in_progress = False
        self._has_decode_graphs = engine.context.arguments.role is Role.DECODE

    async def switch(self, body: Mapping[str, Any]) -> SwitchResult:
        """Switch to `body["new_role"]`, if the instance is fully idle and may."""
        old, new = self._engine.role.name, str(body.get("new_role") or "").lower()
        refused = self._refusal(new)
        if refused is not None:
            message, safe = refused
            return SwitchResult(False, message, old, new, safe)
        if new == old:
            return SwitchResult(True, "ok", old, new)
        unready = self._unreadiness(new, body)
        if unready is not None:
            return SwitchResult(False, unready, old, new, safe_to_restore=True)
        if body.get("prepare_only"):
            return SwitchResult(True, "ready", old, new, safe_to_restore=True)
        await self._rebuild(Role(new))
        return SwitchResult(True, "ok", old, new)

    def _refusal(self, new: str) -> tuple[str, bool] | None:
        """Why the instance can never, or not now, switch; and whether it still serves."""
        arguments = self._engine.context.arguments
        if not arguments.role_switch:
            return "--enable-pd-role-switch is not set on this server", True
        if self._in_progress:
            return "another role switch is already in progress", False
        if new not in tuple(Role):
            return f"invalid new_role={new!r}", True
        if arguments.transfer_backend not in _SWITCHING_BACKENDS:
            backend = arguments.transfer_backend
            return f"transfer backend {backend!r} does not support runtime role switch", True
        return None

    def _unreadiness(self, new: str, body: Mapping[str, Any]) -> str | None:
        if not self._engine.idle:
            return "instance is not idle; drain all requests before switching"
        if new == Role.DECODE and not self._has_decode_graphs:
            graph_gb = body.get("decode_cuda_graph_memory_gb")
            if graph_gb is None:
                return "decode_cuda_graph_memory_gb is required before capturing decode graphs"
            if graph_gb < 0:
                return "decode_cuda_graph_memory_gb must be non-negative"
        return None

    async def _rebuild(self, new: Role) -> None:
        self._in_progress = True
        try:
            await self._engine.role.close()
            await asyncio.sleep(self._engine.context.settings.role_switch_seconds)
            self._engine.enter_role(new)
            self._has_decode_graphs = self._has_decode_graphs or new is Role.DECODE
        finally:
            self._in_progress = False
