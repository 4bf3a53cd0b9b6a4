"""The link that limits how fast a pool may change."""

import math
from typing import ClassVar

from pd_operator.api.autoscaling import (
    PolicyType,
    ScaleDownRules,
    ScaleUpRules,
    ScalingPolicy,
    SelectPolicy,
)
from pd_operator.api.roles import Role
from pd_operator.scaling.decision import DecisionReason
from pd_operator.scaling.proposal import PoolLink, Situation, Wanted


class RateLimits(PoolLink):
    """HorizontalPodAutoscaler's scaling policies over the changes that were carried out."""

    name: ClassVar[str] = "RateLimit"

    def judge(self, role: Role, workers: int, situation: Situation) -> Wanted:
        """Move no further from the present number than the policies allow."""
        current = situation.current(role)
        behavior = situation.settings.behavior
        if workers > current:
            limit = highest_allowed(behavior.scale_up, role, situation)
            allowed = min(workers, limit)
        elif workers < current:
            limit = lowest_allowed(behavior.scale_down, role, situation)
            allowed = max(workers, limit)
        else:
            return Wanted(workers, DecisionReason.STEADY, "there is no change to limit")
        if allowed == workers:
            return Wanted(workers, DecisionReason.STEADY, "the change is within the policies")
        return Wanted(
            allowed,
            DecisionReason.RATE_LIMITED,
            f"the policies allow {allowed} for now, where {workers} are wanted",
        )


def highest_allowed(rules: ScaleUpRules, role: Role, situation: Situation) -> int:
    """Most workers that the scale-up policies allow now; percentages round up."""
    current = situation.current(role)
    if rules.select_policy is SelectPolicy.DISABLED:
        return current
    limits = []
    for policy in rules.policies:
        start = _workers_at_period_start(policy, role, situation)
        if policy.type is PolicyType.PODS:
            limits.append(start + policy.value)
        else:
            limits.append(math.ceil(start * (100 + policy.value) / 100))
    widest = max(limits) if rules.select_policy is SelectPolicy.MAX else min(limits)
    return max(current, widest)


def lowest_allowed(rules: ScaleDownRules, role: Role, situation: Situation) -> int:
    """Fewest workers that the scale-down policies allow now; percentages round down."""
    current = situation.current(role)
    if rules.select_policy is SelectPolicy.DISABLED:
        return current
    limits = []
    for policy in rules.policies:
        start = _workers_at_period_start(policy, role, situation)
        if policy.type is PolicyType.PODS:
            limits.append(start - policy.value)
        else:
            limits.append(math.floor(start * (100 - policy.value) / 100))
    widest = min(limits) if rules.select_policy is SelectPolicy.MAX else max(limits)
    return min(current, widest)


def _workers_at_period_start(policy: ScalingPolicy, role: Role, situation: Situation) -> int:
    oldest = situation.now_seconds - policy.period_seconds
    since = sum(
        change.delta
        for change in situation.memory.changes
        if change.role is role and change.time_seconds > oldest
    )
    return situation.current(role) - since
