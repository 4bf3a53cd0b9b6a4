"""A pool, its controllers and its operator, all late and interrupted in every order.

The model is of Kubernetes: a Deployment with its ReplicaSets and pods, two controllers that act
whenever they like, workers that start, crash, lose readiness and hold requests, and engines that
tell of themselves at times of their own. On it works the operator's own code, from reading a pod
to writing on it, cut off at any write.

One thing is left out, since no number can tell it to a ReplicaSet: what happens after the replicas
were lowered, and before both the operator has looked again and the late controllers have acted.
Where a worker loses readiness in that time, or a person deletes the drained one, so that its
ReplicaSet makes another in its place, who is first is left to the operator here. See
`docs/operations.md`.
"""

from collections.abc import Coroutine
from typing import Any, TypeVar, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.property.actuation.modeled_pod import Object, Pod

from pd_operator.actuation.actuator import Actuator
from pd_operator.actuation.cluster import ChangedMeanwhileError, Cluster
from pd_operator.actuation.fence import Unfenced
from pd_operator.actuation.pool_writer import PoolWriter
from pd_operator.actuation.steps import DrainRules, PoolTarget, SetReplicas, next_steps
from pd_operator.api.names import (
    ANNOTATION_DRAIN_DEADLINE,
    ANNOTATION_DRAIN_STARTED,
    ANNOTATION_REPLICAS_WITHOUT,
    LABEL_TRAFFIC,
    ServiceKey,
)
from pd_operator.api.roles import Role
from pd_operator.scaling.observation import EngineLoad, Known, PoolObservation
from pd_operator.telemetry.observe import worker_observation
from pd_operator.telemetry.observe_pool import observe_pool

BEGIN = 1_800_000_000.0
DEADLINE_SECONDS = 300.0
ROUTER_LAG_SECONDS = 0.5

POOL = "chat-decode"


class CrashError(Exception):
    """The operator's process ends here."""


Result = TypeVar("Result")


def finish(work: Coroutine[Any, Any, Result]) -> Result:
    """Run what never waits."""
    try:
        work.send(None)
    except StopIteration as ended:
        result: Result = ended.value
        return result
    raise AssertionError("the stand-in API server answers at once")


class Service(RuleBasedStateMachine):
    """One decode pool."""

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGIN
        self.pods: list[Pod] = []
        self.born = 0
        self.replicas = 1
        self.generation = self.observed = self.version = 1
        self.template = 1
        self.sets: dict[int, int] = {1: 1}
        self.counted: dict[int, tuple[int, int]] = {}
        self.status: Object = {}
        self.decided = 1
        self.looked: tuple[PoolObservation, float] | None = None
        self.writes_left = 100
        self.endangered = False
        self.terms = 0
        self.fence = Unfenced()
        self._begin_operator()

    @initialize(count=st.integers(2, 4))
    def serve(self, count: int) -> None:
        self.replicas = self.sets[1] = self.decided = count
        for _ in range(count):
            self._create(1)
        for pod in self.pods:
            pod.scheduled = pod.running = pod.started = pod.ready = True
        self._count()

    # The cluster's controllers: late, and each by itself.

    @precondition(lambda self: not self.endangered)
    @rule()
    def the_controllers_catch_up(self) -> None:
        for _ in range(3):
            self.the_deployment_controller_acts()
            self.the_replica_set_controller_acts()
        self.the_deployment_controller_acts()

    @precondition(lambda self: not self.endangered)
    @rule()
    def the_deployment_controller_acts(self) -> None:
        old = {revision: n for revision, n in self.sets.items() if revision != self.template and n}
        if not old:
            self.sets[self.template] = self.replicas
        else:
            self._roll(old)
        self.observed = self.generation
        self._count(sets=False)

    def _roll(self, old: dict[int, int]) -> None:
        """A step of a rollout with maxSurge 1; a lower number is taken from the old pods."""
        new = self.sets.setdefault(self.template, 0)
        if sum(self.sets.values()) <= self.replicas:
            self.sets[self.template] = new + 1
        ready = sum(pod.ready for pod in self.live())
        surplus = sum(self.sets.values()) - self.replicas
        oldest = min(old)
        if ready > self.replicas or surplus > 1:
            self.sets[oldest] -= 1

    @precondition(lambda self: not self.endangered)
    @rule()
    def the_replica_set_controller_acts(self) -> None:
        in_rollout = sum(1 for n in self.sets.values() if n) > 1 or len(self._revisions()) > 1
        for revision, wanted in self.sets.items():
            active = sorted(
                (pod for pod in self.live() if pod.revision == revision),
                key=lambda pod: (*pod.order, pod.requests == 0),
            )
            for pod in active[: max(0, len(active) - wanted)]:
                self._delete(pod, in_rollout=in_rollout)
            for _ in range(wanted - len(active)):
                self._create(revision)
        self._count(status=False)

    def _delete(self, pod: Pod, *, in_rollout: bool) -> None:
        deadline = pod.number(ANNOTATION_DRAIN_DEADLINE)
        overdue = deadline is not None and self.now >= deadline
        assert in_rollout or not pod.requests or overdue, f"{pod.name} is removed with requests"
        pod.terminating = True

    def _create(self, revision: int) -> None:
        self.born += 1
        self.pods.append(Pod(f"w{self.born}", revision, self.now))

    def _count(self, *, sets: bool = True, status: bool = True) -> None:
        if sets:
            for revision in self.sets:
                of_set = [pod for pod in self.live() if pod.revision == revision]
                self.counted[revision] = len(of_set), sum(pod.ready for pod in of_set)
        if not sets or status:
            told = {
                "observedGeneration": self.observed,
                "replicas": sum(pods for pods, _ in self.counted.values()),
                "readyReplicas": sum(ready for _, ready in self.counted.values()),
                "updatedReplicas": self.counted.get(self.template, (0, 0))[0],
            }
            if told != self.status:
                self.status = told
                self.version += 1

    # Nodes, engines and clients.

    @rule(data=st.data())
    def a_worker_gets_further(self, data: st.DataObject) -> None:
        if waiting := [pod for pod in self.live() if not pod.ready]:
            pod = data.draw(st.sampled_from(waiting))
            if not pod.scheduled:
                pod.scheduled = True
            elif not pod.running:
                pod.running = True
            elif not pod.started:
                pod.started = True
            else:
                pod.ready = True

    @rule()
    def workers_start(self) -> None:
        for pod in self.live():
            pod.scheduled = pod.running = pod.started = pod.ready = True

    @rule(data=st.data(), crashes=st.booleans())
    def a_worker_loses_readiness(self, data: st.DataObject, crashes: bool) -> None:
        crashes = crashes or self.sets_lowered
        if serving := [pod for pod in self.live() if pod.ready]:
            pod = data.draw(st.sampled_from(serving))
            pod.ready, pod.unready_at = False, self.now
            if crashes:
                pod.started, pod.requests = False, 0
            elif self.lowering:
                self.endangered = True

    @rule(data=st.data())
    def somebody_deletes_a_worker(self, data: st.DataObject) -> None:
        if chosen := self.live():
            self.delete_by_hand(data.draw(st.sampled_from(chosen)))

    def delete_by_hand(self, pod: Pod) -> None:
        drained = ANNOTATION_REPLICAS_WITHOUT in pod.annotations
        pod.terminating = True
        if drained and not self.endangered and self.replicas < self.sets[self.template]:
            # Its ReplicaSet has not heard of the lower number.
            self.the_replica_set_controller_acts()
            self.endangered = len(self.live()) > self.replicas

    @precondition(lambda self: not self.endangered)
    @rule()
    def terminating_workers_are_gone(self) -> None:
        self.pods = self.live()

    @rule()
    def requests_come(self) -> None:
        def reachable(pod: Pod) -> bool:
            off = pod.number(ANNOTATION_DRAIN_STARTED)
            late = off is not None and self.now - off < ROUTER_LAG_SECONDS
            return pod.ready and (LABEL_TRAFFIC not in pod.labels or late)

        for pod in self.live():
            pod.requests += reachable(pod)

    @rule()
    def requests_end_where_no_more_come(self) -> None:
        for pod in self.pods:
            if LABEL_TRAFFIC in pod.labels:
                pod.requests = 0

    @rule(data=st.data(), begins=st.booleans())
    def a_long_pass_begins_or_ends(self, data: st.DataObject, begins: bool) -> None:
        """While it lasts, the engine answers with its state from before."""
        if chosen := [pod for pod in self.pods if pod.in_pass != begins]:
            data.draw(st.sampled_from(chosen)).in_pass = begins

    @rule(seconds=st.sampled_from([0.2, 1.0, 2.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        for pod in self.pods:
            if not pod.in_pass:
                pod.told = self.now, pod.requests

    # The user, and the operator.

    @precondition(lambda self: self.sets.get(self.template) == self.replicas)
    @rule(now=st.sampled_from([False, False, False, True]))
    def the_template_is_edited(self, now: bool) -> None:
        if not now:
            return
        self.template += 1
        self.generation += 1
        self.version += 1

    @rule()
    def the_operator_looks(self) -> None:
        self.looked = self.observation(), self.now

    @rule(controllers_are_late=st.booleans())
    def a_drain_goes_on(self, controllers_are_late: bool) -> None:
        self.requests_end_where_no_more_come()
        for _ in range(3):
            if not (controllers_are_late or self.endangered):
                self.the_controllers_catch_up()
            self.time_passes(2.0)
            self.the_operator_decides_and_acts(by=0, crash_after=100)

    @rule(
        by=st.sampled_from([-2, -1, -1, 0, 1]),
        crash_after=st.sampled_from([100, 100, 100, 1, 2, 5, 6]),
    )
    def the_operator_decides_and_acts(self, by: int, crash_after: int) -> None:
        """On what it last looked at, however long ago; 0 is what it does while it holds."""
        looks_now = self.looked is None
        pool, now = self.looked or (self.observation(), self.now)
        fresh = looks_now or pool.version == str(self.version)
        self.looked = None
        assert pool.current >= self.decided or not fresh, "holding would remove workers"
        desired = max(1, pool.current + by)
        steps = next_steps(PoolTarget(pool, desired, now, DrainRules(DEADLINE_SECONDS)))
        self.writes_left = crash_after
        before = self.replicas
        try:
            taken = finish(self.actuator.apply(steps, pool))
        except CrashError:
            taken = []
            self._begin_operator()
        if len(taken) < len(steps):
            self.decided = min(desired, self.replicas, self.decided)
        else:
            self.endangered = self.endangered and not looks_now
            self.decided = desired if fresh else min(desired, self.decided, self.replicas)
        if self.replicas < before:
            assert self.replicas >= desired
            assert any(isinstance(step, SetReplicas) for step in steps)

    def _begin_operator(self) -> None:
        """Another process leads from now on, in a term of its own."""
        self.terms += 1
        self.fence.label = f"{self.terms} operator {self.version}"
        writer = PoolWriter(ServiceKey("team", "chat"), cast("Cluster", self))
        self.actuator = Actuator(writer, self._look)

    async def _look(self, _role: Role) -> list[str]:
        """The actuator's last look before it lowers the replicas."""
        return [pod.name for pod in self.live() if pod.ready]

    # Two that the search would seldom put together by itself.

    @rule()
    def a_busy_pool_is_lowered_and_the_controllers_are_late(self) -> None:
        self.requests_come()
        self.the_operator_decides_and_acts(by=-1, crash_after=100)
        self.a_drain_goes_on(controllers_are_late=True)

    @rule(data=st.data())
    def a_worker_loses_readiness_during_a_tick(self, data: st.DataObject) -> None:
        self.the_operator_looks()
        self.a_worker_loses_readiness(data, crashes=False)
        self.the_operator_decides_and_acts(by=0, crash_after=100)

    async def mark(
        self, _kind: object, _namespace: str, name: str, *, version: str, **changes: Any
    ) -> str:
        """The API server's side of a label or annotation."""
        self._write()
        if name == POOL:
            if version != str(self.version):
                raise ChangedMeanwhileError(409, "the object has been modified")
            self.version += 1
            return str(self.version)
        pod = next((pod for pod in self.pods if pod.name == name), None)
        if pod is None or version != pod.version:
            raise ChangedMeanwhileError(409, "the object has been modified")
        for field_name, values in changes.items():
            stored = getattr(pod, field_name)
            for key, value in (values or {}).items():
                stored.pop(key, None) if value is None else stored.update({key: value})
        return pod.version

    async def scale(
        self,
        _kind: object,
        _namespace: str,
        _name: str,
        replicas: int,
        *,
        before: int,
        version: str,
    ) -> None:
        """The API server's side of `/scale`."""
        self._write()
        if before not in (None, self.replicas) or version not in ("", str(self.version)):
            raise ChangedMeanwhileError(422, "the test failed")
        self.replicas = replicas
        self.generation += 1
        self.version += 1

    def _write(self) -> None:
        if not self.writes_left:
            raise CrashError
        self.writes_left -= 1

    # What is there.

    def live(self) -> list[Pod]:
        return [pod for pod in self.pods if not pod.terminating]

    def _revisions(self) -> set[int]:
        return {pod.revision for pod in self.live()}

    @property
    def lowering(self) -> bool:
        """Whether the controllers still have to act on a lower number."""
        return len(self.live()) > min(self.replicas, sum(self.sets.values()))

    @property
    def sets_lowered(self) -> bool:
        """Whether the ReplicaSet controller has to, whatever becomes of the Deployment."""
        return len(self.live()) > sum(self.sets.values())

    def observation(self) -> PoolObservation:
        deployment = {
            "metadata": {"generation": self.generation, "resourceVersion": str(self.version)},
            "spec": {"replicas": self.replicas},
            "status": self.status,
        }
        workers = [
            worker_observation(pod.manifest(), self._load(pod), self.now) for pod in self.pods
        ]
        return observe_pool(Role.DECODE, deployment, workers)

    def _load(self, pod: Pod) -> Known[EngineLoad]:
        told_at, requests = pod.told
        load = EngineLoad(None, requests, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0.0, ())
        return Known(load, self.now - told_at, "engine")

    @invariant()
    def there_is_always_a_worker_wanted(self) -> None:
        assert self.replicas >= 1
