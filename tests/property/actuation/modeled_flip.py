"""A prefill that takes the role of decode, with an operator that ends at any of its steps.

The operator's own code reads the pods and writes on them. Each write, and each question to the
engine, is a point at which its process may end: before it, or after it with the answer lost. Then
another process leads, in a term of its own, and knows what is written and nothing else.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

from tests.property.actuation.modeled_pod import Object, Pod, stamp

from pd_operator.actuation.cluster import ChangedMeanwhileError, Cluster
from pd_operator.actuation.pool_writer import PoolWriter
from pd_operator.actuation.role_switch import SwitchAnswer, SwitchResult
from pd_operator.api.names import (
    ANNOTATION_HALF_SWITCHED,
    ANNOTATION_SWITCH_TO,
    LABEL_COMPONENT,
    LABEL_ROLE,
    LABEL_TRAFFIC,
    ServiceKey,
)
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import Metadata
from pd_operator.controller.status.events import EventRecorder
from pd_operator.controller.status.metrics import OperatorMetrics
from pd_operator.controller.tick.flipper import RoleFlipper
from pd_operator.scaling.decision import Decision, DecisionReason, PoolDecision, RoleFlip
from pd_operator.scaling.observation import EngineLoad, Known, Observation
from pd_operator.telemetry.observe import observe

BEGIN = 1_800_000_000.0
ABOUT = Metadata.model_validate({"namespace": "team", "name": "chat", "uid": "u"})
WORKER = "w1"
LONGEST_TICKS = 400
"""More than a drain and an engine that stays in between take."""

METRICS = OperatorMetrics()
IDLE = EngineLoad(None, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0.0, ())


class EndedError(Exception):
    """The operator's process ends here."""


class IllegalError(Exception):
    """Requests go to a worker in a role that its engine does not have."""


@dataclass(frozen=True)
class Engine:
    """How the engine answers: `busy` with its first questions, or `silent` after it has switched.

    `silent`: so many of its answers are lost on their way.
    """

    busy: int = 0
    silent: int = 0


@dataclass
class Flip:
    """The pods and the engine of one flip. `ends_at`: the points at which the operator ends.

    `points`: how many have been passed.
    """

    engine: Engine = Engine()
    ends_at: Sequence[int] = ()
    points: int = 0
    now: float = BEGIN
    role: Role = Role.PREFILL
    asked: int = 0
    terms: int = 1
    versions: dict[str, int] = field(default_factory=dict)
    pods: list[Pod] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name, role in ((WORKER, "prefill"), ("w2", "prefill"), ("w3", "decode")):
            labels = {LABEL_ROLE: role, LABEL_COMPONENT: role}
            pod = Pod(name, 1, BEGIN - 60, labels=labels)
            pod.scheduled = pod.running = pod.started = pod.ready = True
            self.pods.append(pod)

    async def run(self) -> None:
        """Flip, to the end. `IllegalError` where that is wrong, or does not come."""
        operator, begun = self._operator(), False
        for _ in range(LONGEST_TICKS):
            decision = None if begun else _to_decode()
            try:
                await operator.flip(ABOUT, self._seen(), decision)
            except EndedError:
                self.terms += 1
                operator = self._operator()
            begun = begun or ANNOTATION_SWITCH_TO in self.worker.annotations
            if begun and LABEL_TRAFFIC not in self.worker.labels:
                break
            self.now += 1.0
        self._must_be_legal()
        left = {ANNOTATION_SWITCH_TO, ANNOTATION_HALF_SWITCHED} & self.worker.annotations.keys()
        if LABEL_TRAFFIC in self.worker.labels or left:
            raise IllegalError(f"the flip does not end: {self.worker.annotations}")

    @property
    def worker(self) -> Pod:
        """The one that flips."""
        return self.pods[0]

    def _operator(self) -> RoleFlipper:
        cluster = cast("Cluster", self)
        events, key = EventRecorder(cluster), ServiceKey("team", "chat")
        writer = PoolWriter(key, cluster)
        return RoleFlipper(writer, self._switch, events, METRICS, lambda: self.now)

    def _seen(self) -> Observation:
        replicas = {Role.PREFILL: 2, Role.DECODE: 1}
        deployments = {
            role: {"metadata": {"resourceVersion": self._version(role)}, "spec": {"replicas": n}}
            for role, n in replicas.items()
        }
        loads = {
            pod.name: Known(replace(IDLE, mode=self._role_of(pod)), 0.1, "engine")
            for pod in self.pods
        }
        return observe(self.now, map(_manifest, self.pods), deployments, loads)

    def _role_of(self, pod: Pod) -> Role:
        return self.role if pod is self.worker else Role(pod.labels[LABEL_ROLE])

    @contextmanager
    def _point(self) -> Iterator[None]:
        """Two points: before what is done, and after it."""
        self._pass_point()
        yield
        self._must_be_legal()
        self._pass_point()

    def _pass_point(self) -> None:
        self.points += 1
        if self.points in self.ends_at:
            raise EndedError

    def _must_be_legal(self) -> None:
        pod = self.worker
        if LABEL_TRAFFIC not in pod.labels and pod.labels[LABEL_ROLE] != self.role:
            raise IllegalError(f"{pod.labels[LABEL_ROLE]} gets requests and is {self.role}")

    async def _switch(self, _address: str, role: Role, _graphs_of: str) -> SwitchAnswer:
        """The engine's side of `/pd_role_switch`."""
        with self._point():
            self.asked += 1
            if self.asked <= self.engine.busy:
                return SwitchAnswer(SwitchResult.REFUSED, "not idle")
            self.role = role
            if self.asked <= self.engine.busy + self.engine.silent:
                return SwitchAnswer(SwitchResult.UNANSWERED, "timed out")
        return SwitchAnswer(SwitchResult.SWITCHED, "ok")

    # The API server's side.

    @property
    def fence(self) -> "Flip":
        return self

    @property
    def label(self) -> str:
        return f"{self.terms} operator"

    def _version(self, name: str) -> str:
        return str(self.versions.get(name, 1))

    async def mark(
        self, _kind: object, _namespace: str, name: str, *, version: str, **changes: Any
    ) -> str:
        with self._point():
            pod = next((pod for pod in self.pods if pod.name == name), None)
            key = name if pod else name.removeprefix("chat-")
            if version != (pod.version if pod else self._version(key)):
                raise ChangedMeanwhileError(409, "the object has been modified")
            if pod is None:
                self.versions[key] = self.versions.get(key, 1) + 1
                return self._version(key)
            for field_name, values in changes.items():
                stored = getattr(pod, field_name)
                for label, value in (values or {}).items():
                    stored.pop(label, None) if value is None else stored.update({label: value})
        return pod.version

    async def create(self, *_: object) -> None:
        """An Event, which nothing depends on."""


def _manifest(pod: Pod) -> Object:
    manifest = pod.manifest()
    (engine,) = manifest["status"]["containerStatuses"]
    engine["state"] = {"running": {"startedAt": stamp(pod.created)}}
    return manifest


def _to_decode() -> Decision:
    pools = {role: PoolDecision(role, 2, 1, DecisionReason.ON_LOAN) for role in Role}
    flips = (RoleFlip(WORKER, Role.DECODE),)
    return Decision(
        pools[Role.PREFILL], pools[Role.DECODE], (), DecisionReason.ON_LOAN, "", False, flips
    )


ENGINES = (Engine(), Engine(busy=2), Engine(silent=1), Engine(busy=1, silent=3))


async def illegal_crash_points(engines: Sequence[Engine] = ENGINES) -> tuple[int, list[str]]:
    """How many orders of one or two ends were played, and what was wrong with any."""
    played, wrong = 0, []
    for engine in engines:
        whole = Flip(engine)
        await whole.run()
        for first in range(1, whole.points + 1):
            for second in (0, *range(first + 1, first + whole.points + 1)):
                played += 1
                try:
                    await Flip(engine, (first, second)).run()
                except IllegalError as error:
                    wrong.append(f"{engine}, ends at {first} and {second}: {error}")
    return played, wrong
