"""Who sizes the pools in the lab."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from scripts.policy_lab.baselines import BASELINES
from scripts.policy_lab.best_fixed import cheapest_fixed
from scripts.policy_lab.clairvoyant import clairvoyant
from scripts.policy_lab.score import Score
from scripts.policy_lab.trial import Setting, judge

from pd_operator.api.autoscaling import RoleFlips
from pd_operator.simulation.operator_policy import OperatorPolicy
from pd_operator.simulation.past import history_before
from pd_operator.simulation.scraping import Scraped

TARGET_ATTAINMENT = 0.985
"""What a bound has to attain: the least that the project asks of itself."""

OPERATOR, BEST_FIXED, CLAIRVOYANT = "pd-operator", "best-fixed", "clairvoyant"
FLIPS = "pd-operator-flips"
"""pd-operator with `roleFlips: Enabled`."""


@dataclass(frozen=True)
class Judged:
    """What a contestant scored, and a word on how, such as the pools found."""

    score: Score
    note: str = ""


Contestant = Callable[[Setting], Judged]


def operator_policy(setting: Setting, role_flips: RoleFlips = RoleFlips.DISABLED) -> OperatorPolicy:
    """pd-operator with the API's defaults; it sees the past as Prometheus would have it."""
    scenario = setting.scenario
    spec = scenario.spec(setting.startup_seconds)
    autoscaling = spec.autoscaling.model_copy(update={"role_flips": role_flips})
    spec = spec.model_copy(update={"autoscaling": autoscaling})
    step = float(spec.autoscaling.forecast.resolution_seconds)
    past, bins = setting.past, int(scenario.past_seconds // step)
    history = None if past is None else history_before(past, bins, step)
    return OperatorPolicy(spec, scenario.engine(setting.startup_seconds), history)


def operator(setting: Setting, role_flips: RoleFlips = RoleFlips.DISABLED) -> Judged:
    """pd-operator."""
    policy = operator_policy(setting, role_flips)
    scraping = setting.scenario.scraping
    return Judged(
        judge(setting, Scraped(policy, scraping, seed=setting.seed, holds_when_blind=False))
    )


def best_fixed(setting: Setting) -> Judged:
    """The cheapest pools that stay as they are and attain the target."""
    found = cheapest_fixed(setting, TARGET_ATTAINMENT)
    return Judged(found.score, f"{found.pools.prefill}P {found.pools.decode}D")


def bound(setting: Setting) -> Judged:
    """One that knows every request beforehand and pays start-ups."""
    found = clairvoyant(setting, TARGET_ATTAINMENT)
    return Judged(found.score, f"peak {max(found.prefill)}P {max(found.decode)}D")


def baseline(setting: Setting, name: str) -> Judged:
    """One of the others, at its usual settings."""
    policy = BASELINES[name](setting)
    return Judged(judge(setting, Scraped(policy, setting.scenario.scraping, seed=setting.seed)))


CONTESTANTS: dict[str, Contestant] = {
    OPERATOR: operator,
    FLIPS: partial(operator, role_flips=RoleFlips.ENABLED),
    BEST_FIXED: best_fixed,
    **{name: partial(baseline, name=name) for name in BASELINES},
    CLAIRVOYANT: bound,
}
"""By name, in the order of the table."""

_POLICIES = "operator/src/pd_operator/simulation/policies"
SOURCES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys((OPERATOR, FLIPS), ("operator/src/pd_operator", "forecasting/src")),
    BEST_FIXED: ("scripts/policy_lab/best_fixed.py", "scripts/policy_lab/one_pool.py"),
    **dict.fromkeys(BASELINES, ("scripts/policy_lab/baselines.py", _POLICIES)),
    CLAIRVOYANT: ("scripts/policy_lab/clairvoyant.py", "scripts/policy_lab/one_pool.py"),
}
"""What each is made of, beside the simulator and the loads, from the repository's root."""
