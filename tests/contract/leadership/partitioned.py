"""Two processes that share a Lease and a pool in a real API server, in one seed's order of events.

Every request of theirs is held up on its way there and back for as long as it pleases the seed, is
lost, or arrives when its sender has long given up or been replaced: after the fence let it pass, as
of a process that was stopped in its midst. The operator's own code elects, fences and writes; the
API server decides.
"""

import random
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from tests.contract.leadership.pool import WORKERS, actuator, observe
from tests.property.leadership.model import Held, Process

from pd_operator.actuation.actuator import Actuator
from pd_operator.actuation.cluster import Cluster, ClusterError, Object
from pd_operator.actuation.fence import DeposedError, Fence, Unfenced
from pd_operator.actuation.kinds import LEASE
from pd_operator.actuation.steps import PutOnTraffic, SetReplicas, Step, TakeOffTraffic
from pd_operator.api.names import ANNOTATION_TERM
from pd_operator.leadership.candidate import Candidate
from pd_operator.leadership.election import ElectionTimes
from pd_operator.leadership.lease import LeaseStore
from pd_operator.scaling.observation import PoolObservation

EVENTS = 70
TIMES = ElectionTimes()
Answer = TypeVar("Answer")
Run = Callable[[Coroutine[Any, Any, Any]], Any]


@dataclass
class Journal:
    """Writes to the pool that the API server accepted, in order: of which term, and of what kind.

    A term is known by the Lease's version when it began, which grows also where a Lease is deleted.
    """

    accepted: list[tuple[int, str]] = field(default_factory=list)
    late: list[Callable[[], object]] = field(default_factory=list)

    def doubles(self) -> int:
        """Writes of a leader that were accepted when a later one had drained or called it off."""
        newest, found = 0, 0
        for term, kind in self.accepted:
            found += kind != "raise" and term < newest
            if kind in {"take", "put"}:
                newest = max(newest, term)
        return found


class HeldCluster:
    """The real API server, with each request held up on its way, after the fence."""

    def __init__(
        self, api: Cluster, run: Run, journal: Journal, fence: Fence | None = None
    ) -> None:
        self._api = api
        self._run = run
        self._journal = journal
        self.fence = fence or Unfenced()
        self.kind = ""

    async def get(self, *arguments: Any) -> Any:
        return await self._send(lambda: self._api.get(*arguments))

    async def apply(self, manifest: Object) -> Any:
        return await self._send(lambda: self._api.apply(manifest))

    async def merge_spec(self, *arguments: Any, **more: Any) -> Any:
        return await self._send(lambda: self._api.merge_spec(*arguments, **more))

    async def mark(self, *arguments: Any, **more: Any) -> Any:
        begins = set(more["annotations"]) == {ANNOTATION_TERM}
        kind = "begin" if begins and not more.get("labels") else self.kind
        return await self._write(kind, lambda: self._api.mark(*arguments, **more))

    async def scale(self, *arguments: Any, **more: Any) -> Any:
        return await self._write(self.kind, lambda: self._api.scale(*arguments, **more))

    async def _write(self, kind: str, request: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        noted = int(self.fence.label.split()[-1]), kind

        async def execute() -> Answer:
            answer = await request()
            self._journal.accepted.append(noted)
            return answer

        with self.fence.writing():
            return await self._send(execute)

    async def _send(self, request: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        try:
            await Held()
        except ClusterError:
            self._journal.late.append(lambda: self._run(request()))
            raise
        answer: Answer = self._run(request())
        await Held()
        return answer


class World:
    """One seed's two processes, their clocks and what they do to the pool."""

    def __init__(self, seed: int, admin: client.ApiClient, run: Run, namespace: str) -> None:
        self.chance = random.Random(seed)
        self.now = 0.0
        self.journal = Journal()
        self._api, self._run, self._namespace = Cluster(admin), run, namespace
        self._leases = client.CoordinationV1Api(admin)
        self._lease_name = f"lease-{seed}"
        self._rates = [self.chance.uniform(0.98, 1.02) for _ in range(2)]
        self._offsets = [self.chance.uniform(0, 1e6) for _ in range(2)]
        # One that its holder has given back, so that the first term begins early.
        given_back = LeaseStore(self._api, namespace, self._lease_name, TIMES)
        run(given_back.release(run(given_back.read())))
        self.processes = [self._process(at) for at in range(2)]
        self._actuators: dict[str, tuple[HeldCluster, Actuator]] = {}
        self._acts: list[Coroutine[Any, Any, Any] | None] = [None, None]
        self.both_act = 0
        self.led: set[str] = set()

    def _process(self, at: int) -> Process:
        cluster = cast("Cluster", HeldCluster(self._api, self._run, self.journal))
        lease = LeaseStore(cluster, self._namespace, self._lease_name, TIMES)
        clock = lambda: self._offsets[at] + self._rates[at] * self.now  # noqa: E731  a clock is a function
        name = f"process-{at}-{self.chance.getrandbits(32):x}"
        return Process(Candidate(lease, name, TIMES, clock))

    def play(self) -> None:
        """One event after another, as chance has it."""
        for _ in range(EVENTS):
            at = self.chance.randrange(2)
            event = self.chance.choices(
                [self._get_further, self._act, self._pass_time, self._arrive_late, self._meddle],
                [10, 10, 5, 2, 1],
            )[0]
            event(at)
            self.both_act += all(process.acts for process in self.processes)
        for act in self._acts:
            if act is not None:
                act.close()

    def _get_further(self, at: int) -> None:
        for _ in range(self.chance.choice([1, 1, 4])):
            self.processes[at].proceed(lost=self.chance.random() < 0.1)

    def _pass_time(self, at: int) -> None:
        """For both; where `at` goes on meanwhile, the other one is stopped."""
        for _ in range(self.chance.choice([1, 1, 3, 8])):
            self.now += self.chance.uniform(0.5, 2.5)
            for _ in range(4):
                self.processes[at].proceed()

    def _act(self, at: int) -> None:
        """Begin to change the pool, or get further with it."""
        term = self.processes[at].candidate.term
        if self._acts[at] is None and term is not None and term.acts:
            cluster = HeldCluster(self._api, self._run, self.journal, term)
            fresh = cluster, actuator(cast("Cluster", cluster), self._namespace)
            cluster, acting = self._actuators.setdefault(term.label, fresh)
            pool = self._run(observe(self._api, self._namespace))
            cluster.kind, steps = self._steps(pool)
            self.led.add(term.label)
            self._acts[at] = acting.apply(steps, pool)
        act = self._acts[at]
        try:
            if act is not None and self.chance.random() < 0.1:
                act.throw(ClusterError(0, "no answer"))
            elif act is not None:
                act.send(None)
        except (StopIteration, ClusterError, DeposedError):
            self._acts[at] = None

    def _steps(self, pool: PoolObservation) -> tuple[str, list[Step]]:
        worker = self.chance.choice(WORKERS)
        lower = SetReplicas(pool.replicas - 1, (worker,))
        choices: list[tuple[str, list[Step]]] = [
            ("take", [TakeOffTraffic(worker, self.now, self.now + 300)]),
            ("take", [lower]),
            ("put", [PutOnTraffic(worker)]),
            ("raise", [SetReplicas(pool.replicas + 1)]),
        ]
        return self.chance.choice(choices)

    def _arrive_late(self, at: int) -> None:
        del at
        if self.journal.late:
            request = self.journal.late.pop(self.chance.randrange(len(self.journal.late)))
            with suppress(ClusterError):
                request()

    def _meddle(self, at: int) -> None:
        """A process is killed and started again, or somebody edits or deletes the Lease."""
        match self.chance.randrange(4):
            case 0:
                self.processes[at].restart(self._process(at).candidate)
            case 1:
                self._edit({"holderIdentity": ""})
            case 2:
                self._edit({"holderIdentity": "somebody", "leaseDurationSeconds": 1})
            case 3:
                with suppress(ApiException):
                    self._leases.delete_namespaced_lease(self._lease_name, self._namespace)

    def _edit(self, spec: Object) -> None:
        stored = self._run(self._api.get(LEASE, self._namespace, self._lease_name))
        if stored is not None:
            version = stored["metadata"]["resourceVersion"]
            edit = self._api.merge_spec(
                LEASE, self._namespace, self._lease_name, spec, version=version
            )
            self._run(edit)


@dataclass
class Orders:
    """What many orders came to. `both` and `doubles` have the seed of each fault.

    - `both`: moments at which both processes may act.
    - `doubles`: writes of a leader that were accepted after a later one's.
    - `accepted`: writes to the pool; `terms`: those that acted; `handed_over`: orders of several.
    """

    both: list[int] = field(default_factory=list)
    doubles: list[int] = field(default_factory=list)
    accepted: int = 0
    terms: int = 0
    handed_over: int = 0


def play_orders(seeds: Iterable[int], admin: client.ApiClient, run: Run, namespace: str) -> Orders:
    """Play each seed's order on the pool of a namespace."""
    told = Orders()
    for seed in seeds:
        world = World(seed, admin, run, namespace)
        world.play()
        told.both += [seed] * world.both_act
        told.doubles += [seed] * world.journal.doubles()
        told.accepted += len(world.journal.accepted)
        told.terms += len(world.led)
        told.handed_over += len({term for term, _ in world.journal.accepted}) > 1
    return told
