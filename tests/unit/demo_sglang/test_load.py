from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pd_e2e.demo_sglang.load import STEPS, Step, duration_seconds, step_at, write_load
from pd_e2e.demo_sglang.service import manifests
from pd_e2e.sglang.pace import Pace
from pd_e2e.sglang.tiny_model import CONTEXT_TOKENS
from pd_operator.api.names import KIND
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.performance import parse_profile
from pd_operator.simulation import Pools, Requests, simulate
from pd_operator.simulation.from_spec import engine_of, service_of
from pd_operator.simulation.operator_policy import OperatorPolicy


def test_each_step_has_its_rate_and_its_lengths(tmp_path: Path) -> None:
    steps = (Step("short", 100, 10, 40, 8), Step("long", 50, 20, 400, 80))
    write_load(tmp_path / "load.parquet", steps=steps)
    load = pq.read_table(tmp_path / "load.parquet").to_pandas()
    first, second = load[load.arrival_s < 100], load[load.arrival_s >= 100]
    assert len(first) == pytest.approx(1000, rel=0.1)
    assert len(second) == pytest.approx(1000, rel=0.1)
    assert first.input_tokens.between(20, 60).all()
    assert second.output_tokens.between(40, 120).all()
    assert load.arrival_s.is_monotonic_increasing


def test_the_steps_are_told_by_their_names() -> None:
    assert step_at(0) == STEPS[0].name
    assert step_at(STEPS[0].seconds) == STEPS[1].name
    assert step_at(duration_seconds() + 1) == STEPS[-1].name


def test_every_request_fits_what_the_model_takes() -> None:
    assert all(1.5 * (s.prompt_tokens + s.output_tokens) < CONTEXT_TOKENS for s in STEPS)


def test_a_prefill_is_lent_for_the_long_answers_and_comes_back(tmp_path: Path) -> None:
    """Played by the simulator, with the example's profile for the engines."""
    write_load(tmp_path / "load.parquet")
    load = pq.read_table(tmp_path / "load.parquet")
    names = ("arrival_s", "input_tokens", "output_tokens")
    requests = Requests.of(*(load[name].to_numpy() for name in names))
    objects = {m["kind"]: m for m in manifests(tmp_path, "http://prometheus:9090", Pace())}
    profile = parse_profile(objects["ConfigMap"]["data"]["profile.json"], "tiny")
    spec = PDInferenceService.parse(objects[KIND]).spec
    policy = OperatorPolicy(spec, engine_of(spec, profile))
    result = simulate(requests, service_of(spec, profile), Pools(1, 1), policy=policy)
    flips = [
        (step_at(outcome.observation.time_seconds), flip.role)
        for outcome in policy.outcomes
        if outcome.decision is not None
        for flip in outcome.decision.flips
    ]
    assert flips == [("long answers", Role.DECODE), ("busy again", Role.PREFILL)]
    assert max(size.decode_serving for size in result.sizes) == 3
    assert result.lost_requests == 0
