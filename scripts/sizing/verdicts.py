"""Whether the planner's numbers are the fewest that a simulation accepts."""

from collections.abc import Callable
from dataclasses import dataclass

from scripts.sizing.cases import Case, Outcome


@dataclass(frozen=True)
class Verdict:
    """A case, and what simulations with its plan and with fewer workers came to.

    A pool is exact where one worker less would miss an objective, or would be busier than the cap
    on utilization allows; it is over by as many workers as could go. The other pool is held.
    """

    case: Case
    outcome: Outcome
    prefill_over: int
    decode_over: int
    prefill_over_without_cap: int


def judge(case: Case) -> Verdict:
    """Simulate a case with its plan, and with fewer workers while that is still enough."""
    pools = case.sizing.plan
    p, d = pools.prefill.workers, pools.decode.workers
    spare = _spare(p, lambda fewer: case.simulated(fewer, d).kept)
    within_cap = [case.use_of(p - less) <= case.utilization_cap for less in range(1, spare + 1)]
    return Verdict(
        case=case,
        outcome=case.simulated(p, d),
        prefill_over=sum(within_cap),
        decode_over=_spare(d, lambda fewer: case.simulated(p, fewer).kept),
        prefill_over_without_cap=spare,
    )


def _spare(workers: int, enough: Callable[[int], bool]) -> int:
    """How many of the workers could go."""
    spare = 0
    while workers - spare > 1 and enough(workers - spare - 1):
        spare += 1
    return spare
