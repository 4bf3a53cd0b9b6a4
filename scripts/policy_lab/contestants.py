"""Who sizes the pools in the lab."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scripts.policy_lab.best_fixed import cheapest_fixed
from scripts.policy_lab.clairvoyant import clairvoyant, largest_batch
from scripts.policy_lab.score import Score
from scripts.policy_lab.trial import Setting, judge

from pd_operator.simulation import Pools
from pd_operator.simulation.operator_policy import OperatorPolicy
from pd_operator.simulation.past import history_before
from pd_operator.simulation.policies.horizontal_pod_autoscaler import (
    HorizontalPodAutoscaler,
    InFlightTargets,
)

TARGET_ATTAINMENT = 0.985
"""What a bound has to attain: the least that the project asks of itself."""

OPERATOR, BEST_FIXED, CLAIRVOYANT = "pd-operator", "best-fixed", "clairvoyant"


@dataclass(frozen=True)
class Judged:
    """What a contestant scored, and a word on how, such as the pools found."""

    score: Score
    note: str = ""


_PROMPTS, _BATCH_SHARE = 1.5, 0.7

Contestant = Callable[[Setting], Judged]


def operator(setting: Setting) -> Judged:
    """pd-operator with the API's defaults; it sees the past as Prometheus would have it."""
    scenario = setting.scenario
    spec = scenario.spec(setting.startup_seconds)
    step = float(spec.autoscaling.forecast.resolution_seconds)
    past = setting.past
    history = (
        None if past is None else history_before(past, int(scenario.past_seconds // step), step)
    )
    policy = OperatorPolicy(spec, scenario.engine(setting.startup_seconds), history)
    return Judged(judge(setting, policy))


def best_fixed(setting: Setting) -> Judged:
    """The cheapest pools that stay as they are and attain the target."""
    found = cheapest_fixed(setting, TARGET_ATTAINMENT)
    return Judged(found.score, f"{found.pools.prefill}P {found.pools.decode}D")


def bound(setting: Setting) -> Judged:
    """One that knows every request beforehand and pays start-ups."""
    found = clairvoyant(setting, TARGET_ATTAINMENT)
    return Judged(found.score, f"peak {max(found.prefill)}P {max(found.decode)}D")


def hpa(setting: Setting) -> Judged:
    """HorizontalPodAutoscaler at targets that an owner would reckon from the mean lengths.

    Prefill: one prompt and a half, so that a worker is busy some 60 % of the time. Decode: 70 % of
    the batch that steps within the objective.
    """
    scenario, requests = setting.scenario, setting.requests
    engine, objectives = scenario.engine(setting.startup_seconds), scenario.objectives
    prompt, output = float(requests.prompt_tokens.mean()), float(requests.output_tokens.mean())
    context = np.array([prompt + output / 2])
    batch = float(largest_batch(engine.decode, context, objectives.tpot.seconds)[0])
    targets = InFlightTargets(_PROMPTS, max(1.0, _BATCH_SHARE * batch))
    policy = HorizontalPodAutoscaler(targets, Pools(1, 1), scenario.most)
    note = f"{targets.prefill:.1f} per prefill, {targets.decode:.0f} per decode"
    return Judged(judge(setting, policy), note)


CONTESTANTS: dict[str, Contestant] = {
    OPERATOR: operator,
    BEST_FIXED: best_fixed,
    "hpa-in-flight": hpa,
    CLAIRVOYANT: bound,
}
"""By name, in the order of the table."""

SOURCES: dict[str, tuple[str, ...]] = {
    OPERATOR: ("operator/src/pd_operator", "forecasting/src"),
    BEST_FIXED: ("scripts/policy_lab/best_fixed.py", "scripts/policy_lab/one_pool.py"),
    "hpa-in-flight": ("operator/src/pd_operator/simulation/policies/horizontal_pod_autoscaler.py",),
    CLAIRVOYANT: ("scripts/policy_lab/clairvoyant.py", "scripts/policy_lab/one_pool.py"),
}
"""What each is made of, beside the simulator and the loads, from the repository's root."""
