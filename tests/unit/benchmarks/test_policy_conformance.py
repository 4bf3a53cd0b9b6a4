"""What every policy of the lab keeps to, the operator and the others alike."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from scripts.policy_lab import contestants, trial
from scripts.policy_lab.baselines import BASELINES
from scripts.policy_lab.contestants import OPERATOR, operator_policy
from scripts.policy_lab.loads import Lengths, drawn_arrivals, steady_lengths
from scripts.policy_lab.scenarios import Scenario, Site
from scripts.policy_lab.trial import Setting

from pd_operator.simulation import Policy, Pools, Requests, SimulationResult, Snapshot

POLICIES = (OPERATOR, *BASELINES)
MOST, SECONDS = 4, 900.0
NO_WORSE = 0.9
"""More load may need a little less by chance, not a tenth."""


def draw(rate: float) -> Scenario:
    """Quiet, then four times the `rate`, then quiet."""

    def requests(rng: np.random.Generator) -> Requests:
        arrivals = drawn_arrivals(
            lambda at: rate * np.where((at > 300) & (at < 600), 4.0, 1.0), SECONDS, rng
        )
        return steady_lengths(arrivals, Lengths(3000, 150, 0.3), rng)

    return Scenario(f"{rate}/s", "test", Site("qwen3-32b-h200", 1500, 25, MOST), requests)


SCENARIOS = {one.name: one for one in (draw(0.5), draw(2.0))}


@pytest.fixture(autouse=True)
def small_scenarios(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "scenario", lambda name, _: SCENARIOS[name])


def setting(name: str) -> Setting:
    return Setting(name, "test", 60)


def made(name: str, where: Setting) -> Policy:
    return operator_policy(where) if name == OPERATOR else BASELINES[name](where)


@cache
def played(name: str, load: str) -> SimulationResult:
    where = setting(load)
    return trial.run(where, made(name, where))


@pytest.mark.parametrize("name", POLICIES)
def test_no_policy_asks_for_more_workers_than_there_may_be(name: str) -> None:
    for size in played(name, "2.0/s").sizes:
        assert 1 <= size.prefill_wanted <= MOST
        assert 1 <= size.decode_wanted <= MOST


@pytest.mark.parametrize("name", POLICIES)
def test_the_same_load_and_seed_give_the_same_decisions(name: str) -> None:
    where = setting("0.5/s")
    assert trial.run(where, made(name, where)).sizes == played(name, "0.5/s").sizes


@pytest.mark.parametrize("name", POLICIES)
def test_more_load_is_not_given_fewer_gpus(name: str) -> None:
    light, heavy = played(name, "0.5/s"), played(name, "2.0/s")
    assert heavy.gpu_seconds >= NO_WORSE * light.gpu_seconds


@dataclass
class Blindfolded:
    """Hides what came and what was answered from a policy, as when Prometheus is away."""

    inner: Policy

    @property
    def period_seconds(self) -> float:
        return self.inner.period_seconds

    def decide(self, snapshot: Snapshot) -> Pools:
        nothing = snapshot.arrived.part(0, 0)
        none = np.empty(0, dtype=np.float32)
        return self.inner.decide(
            replace(
                snapshot, arrived=nothing, completed=nothing, ttft_seconds=none, tpot_seconds=none
            )
        )


WATCH_ARRIVALS = tuple(
    name for name in BASELINES if name.startswith(("dynamo", "dopd", "slo", "token"))
)
"""Those that look at what came; to the others an idle worker is a fact."""


@pytest.mark.parametrize("name", WATCH_ARRIVALS)
def test_who_sees_no_load_at_all_changes_nothing(name: str) -> None:
    where = setting("2.0/s")
    sizes = trial.run(where, Blindfolded(made(name, where))).sizes
    assert {(size.prefill_wanted, size.decode_wanted) for size in sizes} == {(2, 2)}


def test_every_contestant_says_what_it_is_made_of() -> None:
    assert set(contestants.SOURCES) == set(contestants.CONTESTANTS)
