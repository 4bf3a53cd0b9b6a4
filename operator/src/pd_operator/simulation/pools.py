"""The workers of one role, and what they cost."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pd_operator.api.roles import Role
from pd_operator.simulation.agenda import Agenda
from pd_operator.simulation.decode_worker import DecodeWorker
from pd_operator.simulation.prefill_worker import PrefillWorker
from pd_operator.simulation.result import PoolUse

W = TypeVar("W", PrefillWorker, DecodeWorker)


@dataclass(frozen=True)
class Pools:
    """Workers of each role; `ValueError` for none.

    `to_prefill`, `to_decode`: so many that now leave the other role to be among them.
    """

    prefill: int
    decode: int
    to_prefill: int = 0
    to_decode: int = 0

    def __post_init__(self) -> None:
        if self.prefill < 1 or self.decode < 1:
            raise ValueError(f"each pool has a worker at least, not {self.prefill}, {self.decode}")

    def of(self, role: Role) -> int:
        """Workers of one role."""
        return self.prefill if role is Role.PREFILL else self.decode


@dataclass(eq=False, slots=True)
class Start:
    """A worker that was asked for at a time, in seconds, and does not serve yet."""

    asked_at: float
    canceled: bool = False


class Pool(Generic[W]):
    """Workers of one role by what they do: `serving` get traffic, `draining` finish what they have.

    - `pending`: asked for, oldest first; the cluster has no GPUs for them.
    - `starting`: asked for; can be called off.
    - `promised`: to come from the other role; `switching` of them are past their drain.
    - `startup_seconds`: of a worker of this role.
    """

    def __init__(
        self,
        role: Role,
        gpus_each: int,
        startup_seconds: float,
        make: Callable[[int], W],
        agenda: Agenda,
    ) -> None:
        self.role = role
        self.startup_seconds = startup_seconds
        self.serving: list[W] = []
        self.draining: list[W] = []
        self.pending: list[Start] = []
        self.starting: list[Start] = []
        self.promised = 0
        self.switching = 0
        self.gpus_each = gpus_each
        self._make: Callable[[int], W] = make
        self._agenda = agenda
        self._ever: list[W] = []
        self._gpu_seconds = 0.0
        self._worker_seconds = 0.0
        self._reckoned_at = 0.0

    @property
    def committed(self) -> int:
        """Workers that serve or will."""
        return len(self.serving) + len(self.starting) + len(self.pending) + self.promised

    @property
    def awaited(self) -> int:
        """Of those promised, the ones that still drain in the other pool."""
        return self.promised - self.switching

    @property
    def gpus_held(self) -> int:
        """GPUs of all workers that are not gone and not pending."""
        ready = len(self.serving) + len(self.draining)
        return self.gpus_each * (ready + len(self.starting) + self.switching)

    @property
    def busy_seconds(self) -> float:
        """Seconds that workers were busy, summed over all that ever served."""
        return sum(worker.busy_seconds for worker in self._ever)

    def reckon(self) -> None:
        """Add up what the workers cost until now; call before any of them comes or goes."""
        seconds = self._agenda.now - self._reckoned_at
        self._reckoned_at = self._agenda.now
        self._worker_seconds += seconds * (len(self.serving) + len(self.draining))
        self._gpu_seconds += seconds * self.gpus_held

    def add(self) -> None:
        """A new worker begins to serve."""
        self.reckon()
        worker = self._make(len(self._ever))
        self._ever.append(worker)
        self.serving.append(worker)

    def remove(self, worker: W) -> None:
        """A worker is gone."""
        self.reckon()
        (self.serving if worker in self.serving else self.draining).remove(worker)

    def use(self) -> PoolUse:
        """What the pool did and cost so far."""
        self.reckon()
        return PoolUse(
            gpu_seconds=self._gpu_seconds,
            worker_seconds=self._worker_seconds,
            busy_seconds=self.busy_seconds,
            request_seconds=sum(worker.request_seconds for worker in self._ever),
            tokens=sum(worker.tokens_done for worker in self._ever),
        )
