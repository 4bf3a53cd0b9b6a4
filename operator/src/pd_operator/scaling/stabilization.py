"""The link that waits until a change has been wanted for long enough."""

from typing import ClassVar

from pd_operator.api.roles import Role
from pd_operator.scaling.decision import DecisionReason
from pd_operator.scaling.proposal import PoolLink, Situation, Wanted


class Stabilization(PoolLink):
    """HorizontalPodAutoscaler's stabilization over the raw recommendations.

    Of the recommendations in the scale-up window the lowest counts, of those in the scale-down
    window the highest; the present number moves only as far as both agree.

    Where the user says nothing of the scale-down window, it stands for what was expected until a
    worker ordered now would serve. A plain fall has refuted that, so that nothing is waited for.
    """

    name: ClassVar[str] = "Stabilization"

    def judge(self, role: Role, workers: int, situation: Situation) -> Wanted:
        """Move the present number into the range of the windows."""
        behavior = situation.settings.behavior
        up_seconds = behavior.scale_up.stabilization_window_seconds
        down_seconds = situation.settings.scale_down_window_seconds(role)
        by_default = behavior.scale_down.stabilization_window_seconds is None
        if by_default and role in situation.beside.falling:
            down_seconds = 0.0
        lowest = min(_recommended(role, up_seconds, situation), default=workers)
        highest = max(_recommended(role, down_seconds, situation), default=workers)
        current = situation.current(role)
        stable = min(max(current, min(lowest, workers)), max(highest, workers))
        if stable > workers:
            word = f"up to {highest} were called for within the last {down_seconds:.0f} s"
        elif stable < workers:
            word = f"only {lowest} were called for at times within the last {up_seconds} s"
        else:
            word = "the recommendation has stood long enough"
        return Wanted(stable, DecisionReason.STABILIZED, word)


def _recommended(role: Role, window_seconds: float, situation: Situation) -> list[int]:
    oldest = situation.now_seconds - window_seconds
    return [
        recommendation.pool(role)
        for recommendation in situation.memory.recommendations
        if recommendation.time_seconds > oldest
    ]
