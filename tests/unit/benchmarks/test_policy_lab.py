"""The lab's loads, bounds and score."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scripts import bench_policies
from scripts.bench_policies import figures
from scripts.policy_lab import store
from scripts.policy_lab.best_fixed import Fixed, cheapest_fixed
from scripts.policy_lab.clairvoyant import Clairvoyant, clairvoyant, largest_batch
from scripts.policy_lab.contestants import BEST_FIXED, CLAIRVOYANT, OPERATOR, Judged
from scripts.policy_lab.loads import Lengths, drawn_arrivals, steady_lengths
from scripts.policy_lab.scenarios import Scenario, Site, scenario, scenarios
from scripts.policy_lab.score import Score, score
from scripts.policy_lab.table import details, shares
from scripts.policy_lab.trial import Setting, judge

from pd_operator.performance import load_bundled
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.simulation import Pools, PoolSizes, PoolUse, Requests, SimulationResult

OBJECTIVES = Objectives(Objective(90, 1.0), Objective(90, 0.1))
NO_USE = PoolUse(1800.0, 0.0, 0.0, 0.0, 0)


def wave(rng: np.random.Generator) -> Requests:
    """Ten quiet minutes, ten busy ones."""
    arrivals = drawn_arrivals(lambda at: np.where(at < 600, 1.0, 6.0), 1200.0, rng)
    return steady_lengths(arrivals, Lengths(3000, 150), rng)


WAVE = Scenario("wave", "test", Site("qwen3-32b-h200", 1500, 25, 5), wave)


@pytest.fixture(scope="module")
def setting() -> Iterator[Setting]:
    """The wave, with workers that take a minute to start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scripts.policy_lab.trial.scenario", lambda *_: WAVE)
        yield Setting("a wave", "test", 60)


@pytest.fixture(scope="module")
def fixed(setting: Setting) -> Fixed:
    """The best fixed pools."""
    return cheapest_fixed(setting, 0.98)


@pytest.fixture(scope="module")
def bound(setting: Setting) -> Clairvoyant:
    """Who knows the future."""
    return clairvoyant(setting, 0.98)


def outcome(
    ttft: list[float], tpot: list[float], sizes: list[tuple[float, int, int]]
) -> SimulationResult:
    return SimulationResult(
        np.array(ttft, dtype=np.float32),
        np.array(tpot, dtype=np.float32),
        1200.0,
        NO_USE,
        NO_USE,
        lost_requests=ttft.count(math.inf),
        retractions=0,
        sizes=tuple(PoolSizes(at, prefill, decode, 1, 1) for at, prefill, decode in sizes),
    )


def arriving(at: list[float]) -> Requests:
    return Requests.of(at, 10, 10)


def test_a_request_counts_where_it_meets_both_objectives_and_a_lost_one_never_does() -> None:
    result = outcome([0.5, 2.0, 0.5, math.inf], [0.05, 0.05, 0.2, math.inf], [])
    judged = score(arriving([0.0, 1.0, 2.0, 3600.0]), result, OBJECTIVES)
    assert (judged.attainment, judged.ttft, judged.tpot) == (0.25, 0.5, 0.5)
    assert (judged.gpu_hours, judged.lost) == (1.0, 1)


def test_the_worst_five_minutes_are_found_where_enough_requests_came() -> None:
    at = [*np.linspace(0, 299, 30), *np.linspace(300, 599, 30), 700.0]
    ttft = [0.5] * 30 + [2.0] * 15 + [0.5] * 15 + [2.0]
    judged = score(arriving(at), outcome(ttft, [0.05] * 61, []), OBJECTIVES)
    assert judged.worst_minutes == 0.5


def test_changes_are_counted_in_each_pool_and_reversals_within_ten_minutes() -> None:
    sizes = [(0.0, 2, 2), (100.0, 3, 2), (300.0, 2, 2), (2000.0, 3, 1), (3600.0, 4, 1)]
    judged = score(arriving([0.0, 3600.0]), outcome([0.1] * 2, [0.01] * 2, sizes), OBJECTIVES)
    assert judged.changes_per_hour == 5  # prefill up, down, up, up; decode down
    assert judged.reversals_per_day == 24  # only that of second 300 came soon after another


def test_the_best_fixed_pools_attain_the_target_and_a_worker_fewer_would_not(
    setting: Setting, fixed: Fixed
) -> None:
    assert fixed.score.attainment >= 0.98
    for fewer in (
        Pools(fixed.pools.prefill - 1, fixed.pools.decode),
        Pools(fixed.pools.prefill, max(1, fixed.pools.decode - 1)),
    ):
        assert fewer == fixed.pools or judge(setting, None, fewer).attainment < 0.98


def test_who_knows_the_future_attains_the_target_for_less_than_the_best_fixed_pools(
    fixed: Fixed, bound: Clairvoyant
) -> None:
    assert bound.score.attainment >= 0.98
    assert bound.score.gpu_hours < 0.85 * fixed.score.gpu_hours


def test_the_timetable_of_who_knows_the_future_begins_a_start_up_before_the_load(
    setting: Setting, bound: Clairvoyant
) -> None:
    slot, quiet = 5.0, bound.prefill[60]
    first_more = next(i for i, workers in enumerate(bound.prefill) if workers > quiet)
    assert 500 <= first_more * slot <= 600 - setting.startup_seconds


def test_the_largest_batch_is_the_last_that_keeps_the_pace() -> None:
    worker = load_bundled("llama-3.1-8b-h200").surfaces(1)
    (batch,) = largest_batch(worker, np.array([3000.0]), 0.010)
    assert worker.decode_step_seconds(batch, 3000) <= 0.010
    assert worker.decode_step_seconds(batch + 1, 3000) > 0.010


def test_training_and_test_have_the_same_scenarios_with_other_loads() -> None:
    assert [one.name for one in scenarios("train")] == [one.name for one in scenarios("test")]
    for name in ("nvidia-sine", "mix-shift", "bursts"):
        train, test = (scenario(name, split).requests(0) for split in ("train", "test"))
        assert len(train) != len(test)


def test_a_seed_gives_the_same_load_again_and_another_seed_another() -> None:
    one = scenario("bursts", "test")
    first, again, other = (one.requests(seed).arrival_seconds for seed in (3, 3, 4))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def attained(share: float, gpu_hours: float) -> Judged:
    return Judged(Score(share, share, 1.0, gpu_hours, 0.5, 6.0, 2.0, 0, 0), "a note")


SINE = Setting("nvidia-sine", "test", 60)
RESULTS = {
    (SINE, OPERATOR): attained(0.9, 6.0),
    (SINE, BEST_FIXED): attained(0.99, 4.0),
    (SINE, CLAIRVOYANT): attained(0.985, 3.0),
}


def test_the_tables_show_share_and_gpu_hours_and_a_dash_for_what_was_not_run() -> None:
    table = shares(RESULTS, [SINE], [OPERATOR, "hpa-in-flight"])
    assert "| pd-operator | 90.0% / 6.00 |" in table
    assert "| hpa-in-flight | - |" in table
    row = details(RESULTS, [SINE], [OPERATOR]).splitlines()[-1]
    assert "| 2.00 | 1.50 |" in row  # over the clairvoyant, over the best fixed


def test_the_figures_have_the_names_of_the_goals() -> None:
    found = {one.name: one.value for one in figures(RESULTS)}
    assert found == {
        "attainment/nvidia-sine/60": 0.9,
        "gpu_over_clairvoyant/nvidia-sine/60": 2.0,
        "gpu_over_best_static/nvidia-sine/60": 1.5,
        "reversals_per_day/nvidia-sine/60": 2.0,
        "nvidia_sine_share": 0.9,
        "nvidia_sine_gpu_hours": 6.0,
    }


def test_no_page_is_written_with_trials_that_nobody_ran(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(store, "saved", dict)
    monkeypatch.setattr(bench_policies, "_TABLE", tmp_path / "policies.md")
    monkeypatch.setattr(bench_policies, "write", lambda *_: 0)
    monkeypatch.setattr("sys.argv", ["bench_policies", "--known", "--document"])
    page = Path(__file__).parents[3] / "docs" / "benchmarks" / "policies.md"
    before = page.read_text()
    assert bench_policies.main() == 1
    assert "trials are not known" in "".join(capsys.readouterr())
    assert page.read_text() == before
