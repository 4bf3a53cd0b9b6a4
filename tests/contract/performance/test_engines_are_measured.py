"""What is learned of real engine processes, read over HTTP as the operator reads them."""

import asyncio
import time

import aiohttp
import numpy as np
import pytest

from pd_e2e.engine.processes import Fleet, Process
from pd_operator.api.roles import Role
from pd_operator.performance import load_bundled
from pd_operator.performance.counters import Counters
from pd_operator.performance.learning import Learner, Reference, WorkerReading
from pd_operator.performance.prefill_batching import Prompts
from pd_operator.scaling.observation import Known
from pd_operator.telemetry.engines import read_load

from .conftest import PROMPT_TOKENS, Busy

PROFILE = load_bundled("llama-3.1-8b-h100").surfaces(1)
REFERENCES = {role: Reference(PROFILE, "p", "s") for role in Role}
PROMPTS = Prompts(np.array([float(PROMPT_TOKENS)]), np.array([1.0]))
PATIENCE_SECONDS = 60.0


async def reading(session: aiohttp.ClientSession, worker: Process, role: Role) -> WorkerReading:
    known = await read_load(session, worker.url, 5.0)
    assert isinstance(known, Known)
    load = known.value
    running = load.running_requests
    return WorkerReading(
        name=role.value,
        role=role,
        software="s",
        counters=Counters(
            time.monotonic(),
            float(load.prefill_uncached_tokens_total),
            load.prefill_busy_seconds_total,
            load.decode_moments,
        ),
        context_tokens=load.active_tokens / running if running else None,
    )


async def test_engines_30_percent_slower_than_their_profile_are_found_out(
    fleet: Fleet, busy: Busy
) -> None:
    prefill, decode = fleet.pair(env={"PD_ENGINE_TIME_SCALE": "1.3"})
    learner, deadline = Learner(), time.monotonic() + PATIENCE_SECONDS
    with busy(prefill, decode):
        async with aiohttp.ClientSession() as session:
            while not learner.calibration.trusted and time.monotonic() < deadline:
                readings = [
                    await reading(session, prefill, Role.PREFILL),
                    await reading(session, decode, Role.DECODE),
                ]
                learner = learner.updated(time.monotonic(), readings, REFERENCES, PROMPTS)
                await asyncio.sleep(0.1)
    for role in Role:
        trusted = [region for region in learner.calibration.of(role).regions if region.trusted]
        assert trusted, role
        for region in trusted:
            assert region.ratio == pytest.approx(1.3, abs=0.05), (role, region)
