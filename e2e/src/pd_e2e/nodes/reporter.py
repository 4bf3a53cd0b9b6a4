"""Keeps a pod's status in the API equal to what its node knows."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from pd_e2e.nodes.api import ApiError, ApiUnavailableError, Json, KubeApi, PatchType
from pd_e2e.nodes.states import PodStatus

_log = logging.getLogger(__name__)
_RETRY_SECONDS = 1.0

_REPLACED = ("podIPs", "hostIPs")
"""Lists that a strategic merge would extend, where a new address must replace the old one."""


class StatusReporter:
    """Sends a pod's status when it differs from the API's, and again until it is accepted.

    Others write the status too: the node controller sets Ready to false on a node that it takes for
    lost. So what is compared with is what the API shows, not what was sent last.
    """

    def __init__(self, api: KubeApi, pod: Json) -> None:
        metadata = pod["metadata"]
        self._api = api
        self._uid = metadata["uid"]
        self._path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/status"
        self._observed: Json = pod.get("status", {})
        self._known: PodStatus | None = None
        self._look = asyncio.Event()

    def known(self, status: PodStatus) -> None:
        """Take what the node knows now."""
        self._known = status
        self._look.set()

    def observed(self, pod: Json) -> None:
        """Take what the API shows now."""
        self._observed = pod.get("status", {})
        self._look.set()

    async def run(self) -> None:
        """Report for ever."""
        while True:
            await self._look.wait()
            self._look.clear()
            await self.flush()

    async def flush(self) -> None:
        """Return when the API has the present status, or the pod is gone."""
        while (patch := self._patch()) is not None:
            try:
                answer = await self._api.patch(self._path, patch, PatchType.STRATEGIC)
                self._observed = answer["status"]
            except ApiUnavailableError:
                await asyncio.sleep(_RETRY_SECONDS)
            except ApiError as error:
                if error.status in (404, 409):
                    return
                _log.warning("status of %s not accepted: %s", self._path, error)
                await asyncio.sleep(_RETRY_SECONDS)

    def _patch(self) -> Json | None:
        if self._known is None:
            return None
        status = self._known.to_api(self._observed.get("conditions", ()))
        if agrees(status, self._observed):
            return None
        for key in _REPLACED:
            status[key].append({"$patch": "replace"})
        return {"metadata": {"uid": self._uid}, "status": status}


def agrees(wanted: Any, observed: Any) -> bool:
    """Whether everything in `wanted` is so in `observed`, which may hold more.

    Empty and absent are the same; conditions are compared by type, other lists in order.
    """
    if isinstance(wanted, Mapping):
        shown = observed or {}
        return all(agrees(value, shown.get(key)) for key, value in wanted.items())
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        return _lists_agree(wanted, observed or ())
    return bool(wanted == observed or (wanted in (None, "") and observed in (None, "")))


def _lists_agree(wanted: Sequence[Any], observed: Sequence[Any]) -> bool:
    if wanted and "lastTransitionTime" in wanted[0]:
        by_type = {condition["type"]: condition for condition in observed}
        return all(agrees(condition, by_type.get(condition["type"])) for condition in wanted)
    return len(wanted) == len(observed) and all(map(agrees, wanted, observed))
