"""An engine's counters read over HTTP, as the operator learns from them."""

import time

from aiohttp import ClientSession

from pd_e2e.engine.processes import Process
from pd_operator.api.roles import Role
from pd_operator.performance.counters import Counters
from pd_operator.performance.learning import WorkerReading
from pd_operator.scaling.observation import Known
from pd_operator.telemetry.engines import read_load

_ANSWER_SECONDS = 5.0


async def worker_reading(session: ClientSession, worker: Process, role: Role) -> WorkerReading:
    """What a worker counted until now; `RuntimeError` where it does not tell."""
    known = await read_load(session, worker.url, _ANSWER_SECONDS)
    if not isinstance(known, Known):
        raise RuntimeError(f"{worker.url}: {known.message}")
    load = known.value
    running = load.running_requests
    return WorkerReading(
        name=role.value,
        role=role,
        software="s",
        counters=Counters(
            time.monotonic() - known.age_seconds,
            float(load.prefill_uncached_tokens_total),
            load.prefill_busy_seconds_total,
            load.decode_moments,
        ),
        context_tokens=load.active_tokens / running if running else None,
        kv_tokens=load.max_total_tokens or None,
    )
