from pathlib import Path

import numpy as np
import pytest
from scripts.bench_inputs import FOLDER, measured_rows
from scripts.bench_prefixes import conversations
from scripts.forecast_bench.series import all_keys, load
from scripts.simulator_bench.cases import cases


@pytest.fixture(autouse=True)
def nothing_outside_the_repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PD_SHARED", str(tmp_path / "not there"))


@pytest.mark.parametrize("key", all_keys())
def test_every_series_of_the_forecast_benchmark_is_in_the_repository(key: str) -> None:
    series = load(key)
    assert len(series.values) >= 144
    assert np.nanmax(series.values) > np.nanmin(series.values) >= 0


def test_every_load_of_the_simulator_benchmark_is_in_the_repository() -> None:
    assert len(list(cases())) == 15


def test_the_conversations_of_the_prefix_benchmark_have_a_hash_for_each_block() -> None:
    asked = conversations()
    assert asked.prefixes is not None
    assert asked.prompt_tokens.mean() == pytest.approx(12_035, abs=1)


def test_every_model_of_the_measured_rows_has_some() -> None:
    assert len({row["model"] for row in measured_rows()}) == 5


def test_every_file_of_the_benchmarks_is_described() -> None:
    described = (FOLDER / "README.md").read_text(encoding="utf-8")
    for path in set(FOLDER.iterdir()) - {FOLDER / "README.md"}:
        family = path.stem.split("_")[0]
        assert path.name in described or f"`{family}_*{path.suffix}`" in described, path.name
