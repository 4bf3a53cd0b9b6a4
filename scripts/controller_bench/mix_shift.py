"""Prompts against answers: how long a service is outside its objectives, with flips and without.

The policy lab's `mix-swap` in the simulator, with workers that take two minutes to start: the load
stays what it is in total, and twice changes the pool that it falls on.
"""

from dataclasses import dataclass

import numpy as np
from scripts.policy_lab.contestants import operator_policy
from scripts.policy_lab.trial import Setting, run

from pd_operator.api.autoscaling import RoleFlips
from pd_operator.simulation.scraping import Scraped

SETTING = Setting("mix-swap", "test", startup_seconds=120)
WINDOW_SECONDS = 10.0
SETTLED_SECONDS = 600.0
"""The first shift comes then. What was before is the beginning of a service without history."""


@dataclass(frozen=True)
class OutsideObjectives:
    """Seconds whose requests were not within the objectives as often as promised."""

    by_replicas: float
    by_flips: float

    @property
    def times_shorter(self) -> float:
        """How many times shorter flips make it; of no time at all, of one window."""
        return self.by_replicas / max(self.by_flips, WINDOW_SECONDS)


def outside_objectives() -> OutsideObjectives:
    """Play the same shift both ways."""
    return OutsideObjectives(_outside(RoleFlips.DISABLED), _outside(RoleFlips.ENABLED))


def _outside(role_flips: RoleFlips) -> float:
    scenario, requests = SETTING.scenario, SETTING.requests
    policy = operator_policy(SETTING, role_flips)
    honest = Scraped(policy, scenario.scraping, seed=SETTING.seed, holds_when_blind=False)
    played, objectives = run(SETTING, honest), scenario.objectives
    windows = (requests.arrival_seconds // WINDOW_SECONDS).astype(np.int64)
    offered = np.bincount(windows)
    missed = np.zeros(len(offered), dtype=bool)
    for latency, objective in (
        (played.ttft_seconds, objectives.ttft),
        (played.tpot_seconds, objectives.tpot),
    ):
        within = np.bincount(windows, weights=~(latency > objective.seconds))
        missed |= within < objective.percentile / 100 * offered
    settled = np.arange(len(offered)) * WINDOW_SECONDS >= SETTLED_SECONDS
    return float(WINDOW_SECONDS * np.count_nonzero(missed & settled))
