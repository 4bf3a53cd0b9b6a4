"""What is: one reading of everything a decision looks at."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from pd_operator.api.roles import Role
from pd_operator.demand import Demand

T = TypeVar("T")

UNREADABLE_WORK = 1 << 30
"""More requests than any worker holds: one that cannot be read is drained last."""


@dataclass(frozen=True)
class Known(Generic[T]):
    """A value, how old it is, and where it comes from."""

    value: T
    age_seconds: float
    source: str


@dataclass(frozen=True)
class Unknown:
    """No value: missing, stale, NaN or contradictory. Never to be read as zero.

    `reason` is one CamelCase word, `message` a sentence for people.
    """

    reason: str
    source: str
    message: str


Reading: TypeAlias = Known[T] | Unknown


NOT_ASKED = Unknown("NotAsked", "caller", "nobody asked for it")


@dataclass(frozen=True)
class EngineLoad:
    """What one SGLang server says of itself at `/v1/loads`.

    - `mode`: its live role; None for a server that runs both.
    - `used_tokens`: KV cache in use, `active_tokens`: that of running requests alone.
    - `decode_moments`: sums over decode steps of (1, batch, microseconds, batch squared,
      batch times microseconds, generated tokens).
    """

    mode: Role | None
    running_requests: int
    waiting_requests: int
    waiting_uncached_tokens: int
    prefill_bootstrap_queue: int
    prefill_inflight_queue: int
    decode_prealloc_queue: int
    decode_transfer_queue: int
    decode_retracted_queue: int
    used_tokens: int
    active_tokens: int
    max_total_tokens: int
    prefill_uncached_tokens_total: int
    prefill_busy_seconds_total: float
    decode_moments: tuple[float, ...]

    @property
    def queued_requests(self) -> int:
        """Requests that the server holds and does not compute.

        `waiting_requests` has those of the disaggregation queues in it, but for the prompts whose
        KV cache is sent and not acknowledged (SGLang 0.5.23).
        """
        return self.waiting_requests + self.prefill_inflight_queue

    @property
    def idle(self) -> bool:
        """Whether the server holds no request at all, in any queue."""
        return not any(
            (
                self.running_requests,
                self.waiting_requests,
                self.prefill_bootstrap_queue,
                self.prefill_inflight_queue,
                self.decode_prealloc_queue,
                self.decode_transfer_queue,
                self.decode_retracted_queue,
            )
        )

    @property
    def kv_use(self) -> float:
        """Share of the KV cache that is in use."""
        return self.used_tokens / self.max_total_tokens if self.max_total_tokens else 0.0


@dataclass(frozen=True)
class WorkerObservation:
    """One worker pod: all that anybody needs to know of it. By default, one that serves.

    - `traffic`: False for a pod that was taken out of the router's table.
    - `capacity_wait_seconds`: from creation until it had a node, until now where it has none.
    - `startup_seconds`: from then until first ready; None before that.
    - `started`: False until the engine's start-up probe has passed, also after a restart of its
      container: such a pod holds no request.
    - `pending`: some container has not run yet; `unready_seconds`: since when it is not ready.
    - `deletion_cost`: the cheapest of the pods that are alike is deleted first.
    - `drain_started`, `drain_deadline`, `idle_since`: Unix seconds, written on the pod by a drain
      in progress, so that an operator that restarts half-way continues instead of starting over.
    - `replicas_without`: the number that its pool's replicas are lowered to for it, written first.
    - `software`: changes with whatever may change an engine's speed (image, arguments...).
    - `waiting_reason`: why it is not running, in the scheduler's or the kubelet's own words; empty
      where neither has said that something is wrong.
    - `role`: the one that it has, or shall have where it is `switching`; `home`: that of the pool
      whose replicas count it, None where it is the same.
    - `switchable`: whether its engine can take the other role while it runs.
    - `half_switched`: Unix seconds at which its engine was asked to switch; it has not said since
      which role it serves.
    - `role_since`: Unix seconds of its last change of role; None: it never changed.
    - `own_role_again`: whether its engine has started anew since it took the role it is known by.
    - `host_spelling`: under which name of its host decodes are to know it when it is a prefill.
    - `version`: of the pod as it was read, in the cluster's own terms.
    """

    name: str
    role: Role
    address: str = ""
    ready: bool = True
    traffic: bool = True
    terminating: bool = False
    age_seconds: float = 0.0
    capacity_wait_seconds: float = 0.0
    startup_seconds: float | None = None
    scheduled: bool = True
    load: Reading[EngineLoad] = NOT_ASKED
    started: bool = True
    pending: bool = False
    unready_seconds: float = 0.0
    deletion_cost: int = 0
    drain_started: float | None = None
    drain_deadline: float | None = None
    idle_since: float | None = None
    replicas_without: int | None = None
    software: str = ""
    waiting_reason: str = ""
    version: str = ""
    home: Role | None = None
    switching: bool = False
    switchable: bool = False
    half_switched: float | None = None
    role_since: float | None = None
    own_role_again: bool = False
    host_spelling: int = 0

    @property
    def member_of(self) -> Role:
        """The pool whose replicas count the worker."""
        return self.home or self.role

    @property
    def on_loan(self) -> bool:
        """Whether the worker is a member of the other pool, and here to help."""
        return self.member_of is not self.role

    @property
    def work(self) -> int:
        """Requests running or queued here; a worker that cannot be read counts as busiest."""
        if isinstance(self.load, Known):
            return self.load.value.running_requests + self.load.value.queued_requests
        return UNREADABLE_WORK

    @property
    def idle(self) -> bool:
        """Whether the engine itself says that it has nothing left to do."""
        return isinstance(self.load, Known) and self.load.value.idle

    @property
    def seconds_on_node(self) -> float:
        """How long the worker has had a node."""
        return max(0.0, self.age_seconds - self.capacity_wait_seconds)

    @property
    def draining(self) -> bool:
        """Whether the worker is on its way out."""
        return self.terminating or not (self.traffic or self.switching)

    @property
    def serving(self) -> bool:
        """Whether requests are sent to the worker."""
        return self.ready and self.traffic and not self.terminating

    @property
    def starting(self) -> bool:
        """Whether the worker is expected and not there yet."""
        return not self.draining and not self.serving

    @property
    def unschedulable(self) -> bool:
        """Whether the worker is expected and has no node."""
        return self.starting and not self.scheduled

    @property
    def failing(self) -> bool:
        """Whether the kubelet has tried to run it and says why it cannot."""
        return self.starting and self.scheduled and bool(self.waiting_reason)

    def late(self, patience_seconds: float) -> bool:
        """Whether it has a node and has not become ready for longer than this."""
        waited = self.unready_seconds or self.seconds_on_node
        return self.starting and not self.ready and self.scheduled and waited > patience_seconds


@dataclass(frozen=True)
class PoolObservation:
    """One pool: the replicas asked for and the workers there are.

    - `settled`: the cluster's controllers have acted on these replicas, and see the same workers.
    - `rolling_out`: workers of an older template are still there, or their successors not yet.
    - `version`: of the replicas as they were read, in the cluster's own terms.
    - `refused`: why the API server refuses further pods (a quota, a policy), in its own words;
      empty where it takes them.
    """

    role: Role
    replicas: int
    workers: tuple[WorkerObservation, ...]
    settled: bool = True
    rolling_out: bool = False
    version: str = ""
    refused: str = ""

    @classmethod
    def of(cls, role: Role, ready: int, starting: int = 0, draining: int = 0) -> "PoolObservation":
        """A pool of which only the numbers of workers are known."""
        replicas = ready + starting + draining
        workers = (
            WorkerObservation(
                f"{role}-{number}",
                role,
                ready=not ready <= number < ready + starting,
                traffic=number < ready + starting,
            )
            for number in range(replicas)
        )
        return cls(role, replicas, tuple(workers))

    @property
    def ready(self) -> int:
        """Workers that take requests."""
        return self._count(lambda worker: worker.serving)

    @property
    def starting(self) -> int:
        """Workers that are expected and not there yet, with a node or without."""
        return self._count(lambda worker: worker.starting)

    @property
    def draining(self) -> int:
        """Workers on their way out."""
        return self._count(lambda worker: worker.draining)

    @property
    def borrowed(self) -> int:
        """Workers that are members of the other pool."""
        return sum(worker.on_loan for worker in self.live)

    @property
    def unschedulable(self) -> int:
        """Workers that wait for a node."""
        return self._count(lambda worker: worker.unschedulable)

    @property
    def missing(self) -> int:
        """Replicas without a pod: refused, or not created yet."""
        return max(self.replicas - len(self.live), 0)

    @property
    def leaving(self) -> int:
        """Workers that hold GPUs and are no replicas any more.

        Those that are being deleted keep them until they are gone; and a rollout has more pods than
        replicas for a while.
        """
        terminating = self._count(lambda worker: worker.scheduled and worker.terminating)
        others = sum(worker.scheduled for worker in self.live)
        return terminating + max(others - self.replicas, 0)

    @property
    def current(self) -> int:
        """Replicas that are meant to stay: a drain that has begun counts as done.

        Replicas fall only when a drain ends. Counting a draining worker as capacity would decide
        the same scale-down again on every tick. One that they were lowered for is in them no more.
        """
        return max(self.replicas - len(self.drains), 0)

    @property
    def terminating(self) -> int:
        """Workers that are being deleted. They are in no replicas, and hold their GPUs."""
        return self._count(lambda worker: worker.terminating)

    @property
    def live(self) -> list[WorkerObservation]:
        """The workers that nobody has begun to delete."""
        return [worker for worker in self.workers if not worker.terminating]

    @property
    def drains(self) -> list[WorkerObservation]:
        """The workers off traffic that the replicas still count."""
        return [worker for worker in self.live if worker.draining and not self.is_removed(worker)]

    def is_removed(self, worker: WorkerObservation) -> bool:
        """Whether the replicas were lowered for this worker, and not raised again since."""
        return worker.replicas_without is not None and self.replicas <= worker.replicas_without

    @property
    def complete(self) -> bool:
        """Whether no worker is still to be deleted for the number to be right."""
        return self.settled and len(self.live) <= self.replicas

    def _count(self, holds: Callable[[WorkerObservation], bool]) -> int:
        return sum(1 for worker in self.workers if holds(worker))


@dataclass(frozen=True)
class Attainment:
    """Share of the recent requests within each objective, and bounds on the share within both."""

    ttft: float
    tpot: float
    joint_low: float
    joint_high: float
    requests: float


@dataclass(frozen=True)
class Observation:
    """Everything a tick looks at, read at `time_seconds` (Unix time).

    - `prefill`, `decode`: the workers that have the role, with as many replicas as that makes.
    - `homes`: the pools as their Deployments count them, where workers are on loan between them.
    - `routers_ready`: None where the routers are not ours, so that nobody counts them.
    - `router_trouble`: why none is ready, in Kubernetes' own words; empty where nobody says.
    - `router_restarts`: pods of routers that were started again, and when (Unix seconds).
    """

    time_seconds: float
    demand: Reading[Demand]
    prefill: PoolObservation
    decode: PoolObservation
    attainment: Reading[Attainment] = NOT_ASKED
    routers_ready: int | None = 0
    router_trouble: str = ""
    homes: tuple[PoolObservation, PoolObservation] | None = None
    router_restarts: tuple[tuple[str, float], ...] = ()

    def home(self, role: Role) -> PoolObservation:
        """The members of one pool's Deployment, whatever their role is now."""
        if self.homes is None:
            return self.pool(role)
        return self.homes[0] if role is Role.PREFILL else self.homes[1]

    def pool(self, role: Role) -> PoolObservation:
        """The observation of one pool."""
        return self.prefill if role is Role.PREFILL else self.decode
