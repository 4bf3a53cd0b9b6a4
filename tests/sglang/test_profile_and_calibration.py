"""What SGLang must do for its speed to be measured, learned while it serves, and planned with."""

import asyncio
import json
import time
from itertools import count
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from typer.testing import CliRunner

from pd_e2e.engine.processes import Process, send_to_pair
from pd_e2e.engine.readings import worker_reading
from pd_operator.api.roles import Role
from pd_operator.cli.kubectl_pd import app
from pd_operator.performance import PerformanceProfile, parse_profile
from pd_operator.performance.calibration import calibrated
from pd_operator.performance.learning import Learner, Reference
from pd_operator.performance.prefill_batching import Prompts

from .conftest import PACE

Pair = tuple[Process, Process]
ROOMS = count(10_000)
PROMPT_TOKENS, ANSWER_TOKENS, CLIENTS = 100, 40, 4
CALIBRATION_SECONDS = 600.0
LONGEST_PROMPT = 1024


@pytest.fixture(scope="module")
def measured(real: Pair, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A profile of the pair, made by `kubectl pd profile measure`."""
    saved = tmp_path_factory.mktemp("profile") / "tiny.json"
    prefill, decode = real
    found = CliRunner().invoke(
        app,
        [
            *("profile", "measure", "--prefill-url", prefill.url, "--decode-url", decode.url),
            *("--longest-prompt", str(LONGEST_PROMPT), "--max-sequences", "4", "--gpu", "cpu"),
            *("--kv-bytes-per-token", "1024", "--save", str(saved)),
        ],
    )
    assert found.exit_code == 0, found.output
    return saved


def profile_in(saved: Path) -> PerformanceProfile:
    return parse_profile(saved.read_text(encoding="utf-8"), saved.stem)


def test_it_survives_being_measured_and_its_counters_tell_its_pace(
    real: Pair, measured: Path
) -> None:
    for worker in real:
        assert worker.get("/ready")[0] == 200
    profile = profile_in(measured)
    assert profile.engine == "sglang 0.5.23"
    found = profile.surfaces(1)
    assert found.kv_capacity_tokens == 8192
    for tokens in (128, LONGEST_PROMPT):
        paced = (PACE.prefill_ms + PACE.prefill_token_ms * tokens) / 1e3
        assert found.prefill_seconds(tokens) > paced
    for sequences in (1, 4):
        paced = (PACE.decode_ms + PACE.decode_sequence_ms * sequences) / 1e3
        assert found.decode_step_seconds(sequences, 600) > paced
    points = (measured.with_suffix(".points")).read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["asked"][0] for line in points} == {"prefill", "decode"}


def test_a_plan_is_made_from_what_was_measured(measured: Path) -> None:
    load = ("--rate", "2", "--isl", "200", "--osl", "40", "--isl-cv", "0.3", "--osl-cv", "0.3")
    objectives = ("--ttft", "60000", "--tpot", "5000")
    asked = ("plan", "--profile", str(measured), *load, *objectives, "-o", "json")
    found = CliRunner().invoke(app, asked)
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["prefill"]["workers"] >= 1


def complete(real: Pair, number: int) -> None:
    """One request of a prompt that no cache holds."""
    letters = [(number // 26 ** (i % 3) + i) % 26 for i in range(PROMPT_TOKENS)]
    words = " ".join(f"{chr(97 + one)}{chr(97 + i % 26)}" for i, one in enumerate(letters))
    body = {
        "model": "model",
        "prompt": words,
        "max_tokens": ANSWER_TOKENS,
        "ignore_eos": True,
        "bootstrap_room": number,
    }
    answers = send_to_pair(*real, "/v1/completions", body)
    assert [status for status, _ in answers] == [200, 200], answers


async def learned(real: Pair, profile: PerformanceProfile) -> Learner:
    """What readings of `/v1/loads` under load teach, until it is believed or ten minutes pass."""
    prompts = Prompts(np.array([float(PROMPT_TOKENS)]), np.array([1.0]))
    references = {role: Reference(profile.surfaces(1), "p", "s") for role in Role}
    learner, deadline = Learner(), time.monotonic() + CALIBRATION_SECONDS
    done = asyncio.Event()

    async def send() -> None:
        while not done.is_set():
            await asyncio.to_thread(complete, real, next(ROOMS))

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as clients:
        for _ in range(CLIENTS):
            clients.create_task(send())
        while not learner.calibration.trusted and time.monotonic() < deadline:
            pairs = zip(real, Role, strict=True)
            readings = [await worker_reading(session, worker, role) for worker, role in pairs]
            learner = learner.updated(time.monotonic(), readings, references, prompts)
            await asyncio.sleep(0.5)
        done.set()
    return learner


def test_its_counters_under_load_are_believed_within_ten_minutes(
    real: Pair, measured: Path
) -> None:
    profile = profile_in(measured)
    calibration = asyncio.run(learned(real, profile)).calibration
    assert calibration.trusted
    for role in Role:
        for region in calibration.of(role).regions:
            # Counters of another unit, or of other work, would be off by orders of magnitude.
            assert 0.2 < region.ratio < 5, (role, region)
    assert calibrated(profile, calibration).surfaces(1).prefill_seconds(PROMPT_TOKENS) > 0
