"""One trial: a policy sizes the pools of a scenario, and is scored."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scripts.policy_lab.scenarios import Scenario, Split, scenario
from scripts.policy_lab.score import Score, score

from pd_operator.simulation import Policy, Pools, Requests, SimulationResult, simulate


@dataclass(frozen=True)
class Setting:
    """Where policies are tried: a scenario, the start-up time of its workers, a seed."""

    name: str
    split: Split
    startup_seconds: int
    seed: int = 0

    @property
    def scenario(self) -> Scenario:
        """The scenario of this name."""
        return scenario(self.name, self.split)

    @property
    def requests(self) -> Requests:
        """The load of the trial."""
        return _requests(self.name, self.split, self.seed)

    @property
    def past(self) -> Requests | None:
        """The load before it."""
        draw = self.scenario.past
        return None if draw is None else draw(np.random.default_rng([self.seed, 2]))


PolicyMaker = Callable[[Setting], Policy | None]
"""A policy for a setting; None leaves the pools as they begin."""


@lru_cache(maxsize=2)
def _requests(name: str, split: Split, seed: int) -> Requests:
    return scenario(name, split).requests(seed)


def run(setting: Setting, policy: Policy | None, begin: Pools | None = None) -> SimulationResult:
    """Simulate; the pools begin as the scenario has it, unless `begin` says otherwise."""
    one = setting.scenario
    return simulate(
        setting.requests,
        one.service(setting.startup_seconds),
        begin or one.begin,
        seed=setting.seed,
        policy=policy,
    )


def judge(setting: Setting, policy: Policy | None, begin: Pools | None = None) -> Score:
    """Simulate and score."""
    result = run(setting, policy, begin)
    return score(setting.requests, result, setting.scenario.objectives)
