"""The way between Dynamo's scaling-policy hook and a policy of ours.

`dynamo_ticks.jsonl` has two ticks as ai-dynamo 1.5.1 told them, 5 s and 165 s into NVIDIA's sine.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scripts import bench_nvidia
from scripts.bench_format import Figure
from scripts.nvidia_replay.document import document
from scripts.nvidia_replay.plays import PLAYS, Minute, Outcome
from scripts.nvidia_replay.replay import Stage, replay
from scripts.nvidia_replay.told import Tick
from scripts.nvidia_replay.translation import Translation

from pd_operator.performance import load_bundled
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.simulation import Pools, Requests
from pd_operator.simulation.snapshot import Snapshot

TICKS = Path(__file__).with_name("dynamo_ticks.jsonl")
KV_TOKENS = 882_472
FIRST_SECONDS = 40.0
"""When the first request of the trace comes: Dynamo's clock begins there."""

FAKE_DYNAMO = '''
"""Answers as Dynamo's replay does, to two ticks that it is told to have had."""
from pathlib import Path
from types import SimpleNamespace
import json

def MockEngineArgs(**asked):
    return asked

def run_mocker_trace_replay(traces, scaling_policy=None, **asked):
    wanted = []
    if scaling_policy is not None:
        assert scaling_policy.initial_tick_ms() == 5000.0
        for line in Path({ticks!r}).read_text().splitlines():
            told = json.loads(line)
            wanted.append(scaling_policy.on_tick(told))
            assert wanted[-1]["next_tick_ms"] == told["now_ms"] + 5000.0
    slow = {{"arrival_time_ms": 1000.0, "ttft_ms": 900.0, "itl_ms": 9.0}}
    quick = {{"arrival_time_ms": 0.0, "ttft_ms": 90.0, "itl_ms": 9.0}}
    workers = sum(one["target_prefill"] + one["target_decode"] for one in wanted)
    return SimpleNamespace(per_request=[slow, quick], summary={{"gpu_hours": float(workers)}})
'''


def trace() -> Requests:
    """As many requests as both ticks count; each prompt is a token longer than the one before."""
    return Requests.of(FIRST_SECONDS + np.arange(172.0), 3000 + np.arange(172), 300)


def ticks() -> list[Tick]:
    return [Tick.model_validate_json(line) for line in TICKS.read_text().splitlines()]


@pytest.fixture
def snapshots() -> list[Snapshot]:
    """Both ticks as a policy sees them."""
    translation = Translation(trace(), KV_TOKENS)
    return [translation.snapshot(tick) for tick in ticks()]


def test_arrivals_are_as_many_as_dynamo_counts_with_the_prompts_of_the_trace(
    snapshots: list[Snapshot],
) -> None:
    assert [len(one.arrived) for one in snapshots] == [28, 144]
    assert snapshots[0].arrived.arrival_seconds[0] == 0.0
    assert snapshots[1].arrived.prompt_tokens[0] == 3028
    assert [one.time_seconds for one in snapshots] == [5.0, 165.0]


def test_answers_have_the_mean_length_and_latency_of_those_that_ended(
    snapshots: list[Snapshot],
) -> None:
    ended = snapshots[0].completed
    assert len(ended) == len(snapshots[0].ttft_seconds) == 18
    assert set(ended.output_tokens) == {300}
    assert snapshots[0].ttft_seconds[0] == pytest.approx(0.0872, abs=1e-4)
    assert snapshots[0].tpot_seconds[0] == pytest.approx(0.00528, abs=1e-5)


def test_a_worker_that_starts_is_counted_and_serves_nothing(snapshots: list[Snapshot]) -> None:
    prefill, decode = snapshots[1].prefill, snapshots[1].decode
    assert (prefill.serving, prefill.starting, prefill.draining) == (2, 1, 0)
    assert (decode.serving, decode.starting, decode.draining) == (1, 1, 0)


def test_the_last_pass_of_an_idle_worker_is_not_taken_for_work_that_waits(
    snapshots: list[Snapshot],
) -> None:
    calm, busy = (one.prefill.workers[0] for one in snapshots)
    assert (calm.running_requests, calm.waiting_requests, calm.waiting_tokens) == (0, 0, 0)
    assert (busy.running_requests, busy.waiting_requests, busy.waiting_tokens) == (3, 6, 18_000)


def test_prompt_tokens_that_came_were_computed_or_wait(snapshots: list[Snapshot]) -> None:
    workers = snapshots[1].prefill.workers
    told = sum(one.tokens_done + one.waiting_tokens for one in workers)
    assert told == pytest.approx(trace().prompt_tokens.sum(), abs=len(workers))
    assert workers[0].busy_seconds == pytest.approx(
        workers[0].tokens_done * 0.2061 / 8192, rel=0.05
    )


def test_a_decode_worker_tells_its_batch_and_who_waits_for_room(snapshots: list[Snapshot]) -> None:
    (worker,) = snapshots[1].decode.workers
    assert (worker.running_requests, worker.waiting_requests) == (128, 4)
    assert worker.context_tokens == 402_983
    assert (worker.used_tokens, worker.capacity_tokens) == (414_983, KV_TOKENS)


def test_a_worker_that_had_no_pass_yet_is_idle() -> None:
    (first, _) = ticks()
    fresh = first.model_copy(update={"active_prefill_ids": (0, 1, 2)})
    newest = Translation(trace(), KV_TOKENS).snapshot(fresh).prefill.workers[2]
    assert (newest.number, newest.waiting_tokens, newest.busy_seconds) == (2, 0, 0.0)


def test_before_anything_has_come_nothing_is_known() -> None:
    (first, _) = ticks()
    silent = first.model_copy(update={"traffic": None})
    seen = Translation(trace(), KV_TOKENS).snapshot(silent)
    assert len(seen.arrived) == len(seen.completed) == len(seen.ttft_seconds) == 0


class TwoMore:
    """Wants two prefill workers more than serve, and one decode worker."""

    period_seconds = 5.0

    def decide(self, snapshot: Snapshot) -> Pools:
        return Pools(snapshot.prefill.serving + 2, 1)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A replay in a Dynamo that is none."""
    package = tmp_path / "dynamo"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "_core.py").write_text(FAKE_DYNAMO.format(ticks=str(TICKS)), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    worker = load_bundled("llama-3.1-8b-h200").surfaces(1)
    return Stage(trace(), worker, 60.0, Pools(2, 2), sys.executable)


def test_a_policy_is_asked_at_each_tick_and_its_answer_is_carried_back(stage: Stage) -> None:
    found = replay(stage, TwoMore())
    assert [(one.prefill_wanted, one.decode_wanted) for one in found.sizes] == [(4, 1), (4, 1)]
    assert [one.decode_serving for one in found.sizes] == [2, 1]
    assert found.gpu_hours == 10.0
    objectives = Objectives(Objective(90, 0.2), Objective(90, 0.01))
    assert found.met(objectives).tolist() == [True, False]
    assert found.share(objectives) == 0.5


def test_fixed_pools_are_never_asked_about(stage: Stage) -> None:
    assert replay(stage).sizes == ()


def test_a_replay_that_fails_says_what_dynamo_said(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "dynamo" / "_core.py").write_text("raise RuntimeError('no such engine')\n")
    with pytest.raises(RuntimeError, match="no such engine"):
        replay(stage, TwoMore())


def test_the_bench_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench_nvidia"])
    monkeypatch.setattr(bench_nvidia, "dynamo_python", lambda: None)
    assert bench_nvidia.main() == 2
    assert "PD_DYNAMO_PYTHON" in capsys.readouterr().out


def test_the_bench_plays_each_seed_in_a_process_of_its_own(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Figure] = []

    def write(_: str, figures: Sequence[Figure]) -> int:
        written.extend(figures)
        return 0

    monkeypatch.setattr(sys, "argv", ["bench_nvidia", "--seeds", "2"])
    monkeypatch.setattr(bench_nvidia, "PLAYS", PLAYS[:1])
    monkeypatch.setattr(bench_nvidia, "dynamo_python", lambda: stage.python)
    monkeypatch.setattr(bench_nvidia, "write", write)
    assert bench_nvidia.main() == 0
    assert {one.name: one.value for one in written}["nvidia_sine_fixed_4_3_share"] == 0.5


def test_the_page_tells_means_spreads_and_the_time_line() -> None:
    minute = Minute(600, 7, 4, 3, 3, 2)
    outcomes = {
        play: [Outcome(0.95, 3.5, (minute,)), Outcome(0.97, 3.7, (minute,))] for play in PLAYS
    }
    page = document(outcomes)
    assert "| pd-operator, new service | 96.0 (95.0 to 97.0) | 3.60 (3.50 to 3.70) |" in page
    assert "| 1 | 10.0 | 7 | 3 + 2 | 4 + 3 |" in page
