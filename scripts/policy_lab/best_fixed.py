"""The best pools that stay as they are, known in hindsight only."""

import math
from dataclasses import dataclass
from operator import itemgetter

from scripts.policy_lab.one_pool import missed_by
from scripts.policy_lab.score import Score
from scripts.policy_lab.trial import Setting, judge

from pd_operator.api.roles import Role
from pd_operator.simulation import Pools

_NEARLY_NONE = 0.0005


@dataclass(frozen=True)
class Fixed:
    """A pair of pools, and what it scored."""

    pools: Pools
    score: Score


def cheapest_fixed(setting: Setting, attainment: float) -> Fixed:
    """The fewest workers that attain so much within the cluster; else those that miss least.

    Of as many workers the pair that attains most counts.
    TTFT hangs on prefill and TPOT on decode nearly alone, so each pool is tried beside an ample
    other first, and then the pairs that may do, the smallest first.
    """
    prefill, decode = (_missed_by_workers(setting, role) for role in Role)
    room = setting.scenario.cluster_gpus or math.inf
    fitting = (
        (ours + theirs, max(missed, also), Pools(ours, theirs))
        for ours, missed in prefill.items()
        for theirs, also in decode.items()
        if ours + theirs <= room
    )
    pairs = sorted(fitting, key=itemgetter(0, 1))
    best: Fixed | None = None
    for workers, missed, pools in pairs:
        if best is not None and workers > best.pools.prefill + best.pools.decode:
            break
        if missed > 1 - attainment:
            continue
        tried = Fixed(pools, judge(setting, None, pools))
        if tried.score.attainment >= attainment and (
            best is None or tried.score.attainment > best.score.attainment
        ):
            best = tried
    if best is None:
        *_, pools = min(pairs, key=lambda pair: (pair[1], pair[0]))
        best = Fixed(pools, judge(setting, None, pools))
    return best


def _missed_by_workers(setting: Setting, role: Role) -> dict[int, float]:
    """Share missed by each number of workers, until next to nothing is."""
    missed: dict[int, float] = {}
    for workers in range(1, setting.scenario.most.of(role) + 1):
        missed[workers], _ = missed_by(setting, role, lambda _: None, begin=workers)
        if missed[workers] < _NEARLY_NONE:
            break
    return missed
