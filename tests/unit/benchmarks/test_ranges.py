import json
import math
from pathlib import Path

import pytest
from pydantic import ValidationError
from scripts import bench_format, bench_ranges
from scripts.bench_format import Figure, write
from scripts.bench_ranges import FOLDER, Range, Ranges, merged, ranges_of, read, text_of

COMMITTED = sorted(path.stem for path in FOLDER.glob("*.yaml"))
RANGES = Ranges(
    measured="3 runs",
    figures={
        "seconds": Range(at_most=75, mean=60, spread=2),
        "speed": Range(at_least=1000, mean=1200, spread=30),
    },
)


@pytest.fixture
def benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "made.yaml").write_text(text_of("made", RANGES), encoding="utf-8")
    monkeypatch.setattr(bench_format, "read", lambda name: bench_ranges.read(name, tmp_path))
    monkeypatch.setattr(bench_format, "_ROOT", tmp_path)
    return "made"


def report(folder: Path) -> list[str]:
    missed: list[str] = json.loads((folder / "build/bench/made.json").read_text())["missed"]
    return missed


def test_a_run_within_all_ranges_ends_well(benchmark: str, tmp_path: Path) -> None:
    assert write(benchmark, [Figure("seconds", 75, "s"), Figure("speed", 1000, "1/s")]) == 0
    assert report(tmp_path) == []


@pytest.mark.parametrize("value", [75.1, math.inf, math.nan])
def test_a_figure_out_of_its_range_ends_the_run_with_an_error(
    value: float, benchmark: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert write(benchmark, [Figure("seconds", value, "s"), Figure("speed", 1300, "1/s")]) == 1
    assert report(tmp_path) == ["seconds"]
    assert "missed" in capsys.readouterr().out


def test_a_goal_that_is_not_reached_is_shown_and_ends_no_run(
    benchmark: str, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = [Figure("seconds", 70, "s", goal=10), Figure("speed", 1300, "1/s")]
    assert write(benchmark, figures) == 0
    assert "not reached" in capsys.readouterr().out.replace("\n", " ")


def test_a_figure_that_has_a_range_and_was_not_measured_is_missed(
    benchmark: str, tmp_path: Path
) -> None:
    assert write(benchmark, [Figure("seconds", 60, "s")]) == 1
    assert report(tmp_path) == ["speed"]
    assert write(benchmark, [Figure("seconds", 60, "s")], left_out=("spe",)) == 0


def test_a_benchmark_without_ranges_misses_none(benchmark: str) -> None:
    assert write(f"not_{benchmark}", [Figure("seconds", 1e9, "s")]) == 0


def test_ranges_that_are_written_read_the_same(tmp_path: Path) -> None:
    (tmp_path / "made.yaml").write_text(text_of("made", RANGES), encoding="utf-8")
    assert read("made", tmp_path) == RANGES


def test_a_new_range_leaves_room_on_the_worse_side_only() -> None:
    runs = [{"seconds": 9.0, "speed": 100.0}, {"seconds": 11.0, "speed": 100.0}]
    found = ranges_of(runs, {"seconds": "lower", "speed": "higher"})
    assert found["seconds"] == Range(at_most=13.5, mean=10, spread=1)
    assert found["speed"] == Range(at_least=95, mean=100, spread=0)


@pytest.mark.parametrize("value", [0.0, -3.2, 1e-9, 123_456_789.0])
def test_a_range_holds_the_runs_that_it_was_set_from(value: float) -> None:
    for better in ("lower", "higher"):
        found = ranges_of([{"it": value}], {"it": better})["it"]
        assert found.holds(value)


def test_new_runs_leave_a_bound_as_it_was_set() -> None:
    new = {"seconds": Range(at_most=99, mean=70, spread=1), "other": Range(mean=1, spread=0)}
    found = merged(RANGES, new, "5 runs")
    assert found.figures["seconds"] == Range(at_most=75, mean=70, spread=1)
    assert found.figures["speed"] == RANGES.figures["speed"]
    assert (found.figures["other"], found.measured) == (new["other"], "5 runs")


def test_new_runs_that_are_out_of_a_bound_are_refused() -> None:
    with pytest.raises(ValidationError, match="out of the range <= 75"):
        merged(RANGES, {"seconds": Range(at_most=99, mean=80, spread=1)}, "5 runs")


@pytest.mark.parametrize("benchmark", COMMITTED)
def test_every_committed_range_says_which_runs_it_is_from(benchmark: str) -> None:
    ranges = read(benchmark)
    assert ranges.figures
    assert ranges.measured
