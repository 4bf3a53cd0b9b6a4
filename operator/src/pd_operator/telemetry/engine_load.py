"""Reads the document of SGLang's `/v1/loads`; believes nothing that cannot be."""

import math
from datetime import datetime
from functools import partial
from typing import Any

from pd_operator.api.roles import Role
from pd_operator.scaling.observation import EngineLoad

MOMENTS = 6
MICROSECONDS = 1e-6


class NonsenseError(ValueError):
    """The document says something that no engine can mean; the message says what."""


def parse_load(document: Any) -> tuple[EngineLoad, float]:
    """The load summed over data-parallel ranks, and the age of its oldest part in seconds.

    The age is by the engine's own clock: the time of the answer less the time at which the
    slowest rank last published. Raises `NonsenseError`.
    """
    ranks = _mapping(document, "the answer").get("loads")
    if not isinstance(ranks, list) or not ranks:
        raise NonsenseError("names no rank in loads")
    loads = [_mapping(rank, "a rank") for rank in ranks]
    queues = [_mapping(load.get("disaggregation"), "disaggregation") for load in loads]
    of_ranks, of_queues = partial(_sum, loads), partial(_sum, queues)
    load = EngineLoad(
        mode=_mode(queues),
        running_requests=of_ranks("num_running_reqs"),
        waiting_requests=of_ranks("num_waiting_reqs"),
        waiting_uncached_tokens=of_ranks("num_waiting_uncached_tokens"),
        prefill_bootstrap_queue=of_queues("prefill_bootstrap_queue_reqs"),
        prefill_inflight_queue=of_queues("prefill_inflight_queue_reqs"),
        decode_prealloc_queue=of_queues("decode_prealloc_queue_reqs"),
        decode_transfer_queue=of_queues("decode_transfer_queue_reqs"),
        decode_retracted_queue=of_queues("decode_retracted_queue_reqs"),
        used_tokens=of_ranks("num_used_tokens"),
        active_tokens=of_ranks("num_active_tokens"),
        max_total_tokens=of_ranks("max_total_num_tokens"),
        prefill_uncached_tokens_total=of_ranks("total_prefill_uncached_tokens"),
        prefill_busy_seconds_total=of_ranks("total_prefill_busy_us") * MICROSECONDS,
        decode_moments=_moments(loads),
    )
    return load, _age_seconds(document, loads)


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NonsenseError(f"gives {what} as {type(value).__name__}, not as an object")
    return value


def _sum(parts: list[dict[str, Any]], field: str) -> int:
    return sum(_count(part.get(field), field) for part in parts)


def _count(value: Any, field: str) -> int:
    # bool is an int to Python, and no count.
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise NonsenseError(f"gives {field} as {value!r}, not as a count")
    return value


def _mode(queues: list[dict[str, Any]]) -> Role | None:
    modes = {str(queue.get("mode")) for queue in queues}
    mode = modes.pop()
    if modes:
        raise NonsenseError(f"gives its ranks both the roles {mode} and {modes.pop()}")
    if mode == "null":
        return None
    try:
        return Role(mode)
    except ValueError:
        raise NonsenseError(f"calls its role {mode}") from None


def _moments(loads: list[dict[str, Any]]) -> tuple[float, ...]:
    """Sums over ranks; zeros from a rank that has not decoded yet."""
    rows = [_row(load.get("decode_moments") or [0.0] * MOMENTS) for load in loads]
    return tuple(sum(column) for column in zip(*rows, strict=True))


def _row(moments: Any) -> list[float]:
    if not isinstance(moments, list) or len(moments) != MOMENTS:
        raise NonsenseError(f"gives decode_moments as {moments!r}, not as {MOMENTS} numbers")
    row = [float(moment) if isinstance(moment, int | float) else math.nan for moment in moments]
    if not all(math.isfinite(moment) and moment >= 0 for moment in row):
        raise NonsenseError(f"gives decode_moments as {moments!r}, not as sums")
    return row


def _age_seconds(document: dict[str, Any], loads: list[dict[str, Any]]) -> float:
    """Zero where the engine does not tell."""
    try:
        answered = datetime.fromisoformat(document["timestamp"]).timestamp()
        published = min(float(load["timestamp"]) for load in loads)
    except (KeyError, TypeError, ValueError):
        return 0.0
    return max(0.0, answered - published)
