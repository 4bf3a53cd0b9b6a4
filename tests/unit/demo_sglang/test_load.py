from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pd_e2e.demo_sglang.load import STEPS, Step, duration_seconds, step_at, write_load
from pd_e2e.sglang.tiny_model import CONTEXT_TOKENS


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
