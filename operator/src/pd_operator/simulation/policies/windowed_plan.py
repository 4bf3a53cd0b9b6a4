"""The literature's sizing methods on the load of a window, followed at once.

DOPD (arXiv 2511.20982) with its last-value forecast, and arXiv 2603.04716, which says nothing of
time: each interval the pools become what the method reckons for the load just seen. No
head-room, no stabilization, as published; faults and all in the `AsPublished` methods.
"""

from pd_operator.api.autoscaling import PlanningMethod
from pd_operator.planning.engine import EngineModel, RouterClass
from pd_operator.planning.limits import PoolBounds
from pd_operator.planning.objectives import Objectives
from pd_operator.planning.planner import plan_service
from pd_operator.simulation.policies.present import present_pools
from pd_operator.simulation.policies.recent_load import RecentLoad
from pd_operator.simulation.pools import Pools
from pd_operator.simulation.snapshot import Snapshot


class WindowedPlan:
    """Each `interval_seconds`, the plan for the load of the interval that is over."""

    def __init__(
        self,
        method: PlanningMethod,
        engine: EngineModel,
        objectives: Objectives,
        most: Pools,
        interval_seconds: float = 60.0,
    ) -> None:
        self._method = method
        self._engine = engine
        self._objectives = objectives
        self._most = most
        self._interval = interval_seconds
        self._recent = RecentLoad(interval_seconds)

    @property
    def period_seconds(self) -> float:
        """The interval."""
        return self._interval

    def decide(self, snapshot: Snapshot) -> Pools:
        """The plan's pools; those there are, where nothing is known."""
        self._recent.see(snapshot)
        demand = self._recent.demand()
        if demand is None:
            return present_pools(snapshot)
        plan = plan_service(
            demand,
            demand,
            self._engine,
            self._objectives,
            PoolBounds.up_to(self._most.prefill, self._most.decode),
            RouterClass.BLIND,
            self._method,
        )
        return Pools(plan.prefill.workers, plan.decode.workers)
