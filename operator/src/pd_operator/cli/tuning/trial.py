"""One candidate on one part of the load, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from pd_operator.cli.simulating.comparison import objectives_of, operated
from pd_operator.cli.simulating.request import SimulationRequest
from pd_operator.cli.tuning.candidates import Candidate
from pd_operator.planning.objectives import Objectives


@dataclass(frozen=True)
class Trial:
    """Shares of all requests within the objectives, and what the workers cost."""

    ttft: float
    tpot: float
    joint: float
    gpu_hours: float

    def keeps(self, objectives: Objectives) -> bool:
        """Whether each objective held for as many requests as it promises."""
        return self.ttft >= objectives.ttft.share and self.tpot >= objectives.tpot.share


def tried(request: SimulationRequest, candidate: Candidate) -> Trial:
    """Play the request's load with the operator under these settings."""
    result = operated(request, candidate.name, candidate.applied(request.spec)).result
    attained = result.attained(objectives_of(request))
    return Trial(attained.ttft, attained.tpot, attained.joint, result.gpu_seconds / 3600)


Tried = tuple[Candidate, Trial]


def cheapest(trials: Sequence[Tried], objectives: Objectives) -> Tried | None:
    """The fewest GPU hours that keep the objectives; of equals the first. None if none does."""
    keeping = [one for one in trials if one[1].keeps(objectives)]
    return min(keeping, key=lambda one: one[1].gpu_hours, default=None)


def front(trials: Sequence[Tried]) -> list[Tried]:
    """Those that no other betters in both cost and share within both objectives, cheapest first."""
    ordered = sorted(trials, key=lambda one: (one[1].gpu_hours, -one[1].joint))
    kept: list[Tried] = []
    for one in ordered:
        if not kept or one[1].joint > kept[-1][1].joint:
            kept.append(one)
    return kept
