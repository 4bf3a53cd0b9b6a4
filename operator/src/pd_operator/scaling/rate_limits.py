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
            allowed = min(workers, furthest_allowed(behavior.scale_up, role, situation))
        elif workers < current:
            allowed = max(workers, furthest_allowed(behavior.scale_down, role, situation))
        else:
            return Wanted(workers, DecisionReason.STEADY, "there is no change to limit")
        if allowed == workers:
            return Wanted(workers, DecisionReason.STEADY, "the change is within the policies")
        return Wanted(
            allowed,
            DecisionReason.RATE_LIMITED,
            f"the policies allow {allowed} for now, where {workers} are wanted",
        )


def furthest_allowed(rules: ScaleUpRules | ScaleDownRules, role: Role, situation: Situation) -> int:
    """How far the policies let a pool go now, up or down as the rules are for.

    Percentages round away from the present number, as HorizontalPodAutoscaler's do.
    """
    current = situation.current(role)
    if rules.select_policy is SelectPolicy.DISABLED:
        return current
    up = isinstance(rules, ScaleUpRules)
    changes = [_allowed_change(policy, role, situation, up=up) for policy in rules.policies]
    change = max(changes) if rules.select_policy is SelectPolicy.MAX else min(changes)
    return current + max(0, change) if up else current - max(0, change)


def _allowed_change(policy: ScalingPolicy, role: Role, situation: Situation, *, up: bool) -> int:
    """Workers that one policy still lets come, or go."""
    current, start = situation.current(role), _workers_at_period_start(policy, role, situation)
    if policy.type is PolicyType.PODS:
        limit = start + policy.value if up else start - policy.value
    elif up:
        limit = math.ceil(start * (100 + policy.value) / 100)
    else:
        limit = math.floor(start * (100 - policy.value) / 100)
    return limit - current if up else current - limit


def _workers_at_period_start(policy: ScalingPolicy, role: Role, situation: Situation) -> int:
    oldest = situation.now_seconds - policy.period_seconds
    since = sum(
        change.delta
        for change in situation.memory.changes
        if change.role is role and change.time_seconds > oldest
    )
    return situation.current(role) - since
