"""What is learned of real engine processes, read over HTTP as the operator reads them."""

import asyncio
import time

import aiohttp
import numpy as np
import pytest

from pd_e2e.engine.processes import Fleet
from pd_e2e.engine.readings import worker_reading
from pd_operator.api.roles import Role
from pd_operator.performance import load_bundled
from pd_operator.performance.learning import Learner, Reference
from pd_operator.performance.prefill_batching import Prompts

from .conftest import PROMPT_TOKENS, Busy

PROFILE = load_bundled("llama-3.1-8b-h100").surfaces(1)
REFERENCES = {role: Reference(PROFILE, "p", "s") for role in Role}
PROMPTS = Prompts(np.array([float(PROMPT_TOKENS)]), np.array([1.0]))
PATIENCE_SECONDS = 60.0


async def test_engines_30_percent_slower_than_their_profile_are_found_out(
    fleet: Fleet, busy: Busy
) -> None:
    prefill, decode = fleet.pair(env={"PD_ENGINE_TIME_SCALE": "1.3"})
    learner, deadline = Learner(), time.monotonic() + PATIENCE_SECONDS
    with busy(prefill, decode):
        async with aiohttp.ClientSession() as session:
            while not learner.calibration.trusted and time.monotonic() < deadline:
                readings = [
                    await worker_reading(session, prefill, Role.PREFILL),
                    await worker_reading(session, decode, Role.DECODE),
                ]
                learner = learner.updated(time.monotonic(), readings, REFERENCES, PROMPTS)
                await asyncio.sleep(0.1)
    for role in Role:
        trusted = [region for region in learner.calibration.of(role).regions if region.trusted]
        assert trusted, role
        for region in trusted:
            assert region.ratio == pytest.approx(1.3, abs=0.05), (role, region)
