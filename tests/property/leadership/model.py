"""A Lease in an API server whose every request can be held up, lost, or answered to nobody."""

from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pd_operator.actuation.cluster import ClusterError
from pd_operator.leadership.candidate import Candidate
from pd_operator.leadership.election import NOBODY, RELEASED_SECONDS, LeaseRecord
from pd_operator.leadership.lease import StoredLease

Answer = TypeVar("Answer")

LOST = ClusterError(0, "no answer")


class Held:
    """A point on a request's way at which it can be held up."""

    def __await__(self) -> Generator[None, None, None]:
        yield


@dataclass
class ModelLease:
    """What the API server has, and what is still on its way from those who gave up waiting."""

    record: LeaseRecord = field(default_factory=LeaseRecord)
    version: int = 1
    late: list[Callable[[], object]] = field(default_factory=list)
    written: int = 0

    def edit(self, record: LeaseRecord) -> None:
        self.record, self.version = record, self.version + 1

    async def read(self) -> StoredLease:
        return await self._request(lambda: StoredLease(self.record, str(self.version)))

    async def acquire(self, lease: StoredLease, identity: str, term: int) -> StoredLease | None:
        taken = {"holder": identity, "term": term, "acquired": "once"}
        return await self._write(lease, duration_seconds=15.0, **taken)

    async def renew(self, lease: StoredLease) -> StoredLease | None:
        return await self._write(lease, duration_seconds=15.0)

    async def release(self, lease: StoredLease) -> StoredLease | None:
        gone = {"holder": NOBODY, "acquired": ""}
        return await self._write(lease, duration_seconds=float(RELEASED_SECONDS), **gone)

    async def _write(self, lease: StoredLease, **changes: Any) -> StoredLease | None:
        def write() -> StoredLease | None:
            if lease.version != str(self.version):
                return None
            self.written += 1
            self.edit(replace(self.record, renewed=str(self.written), **changes))
            return StoredLease(self.record, str(self.version))

        return await self._request(write)

    async def _request(self, execute: Callable[[], Answer]) -> Answer:
        try:
            await Held()
        except ClusterError:
            self.late.append(execute)
            raise
        answer = execute()
        await Held()
        return answer


@dataclass
class Process:
    """A candidate with a clock of its own, and the step that it is in the middle of."""

    candidate: Candidate
    step: Coroutine[Any, Any, object] | None = None

    def proceed(self, *, lost: bool = False) -> None:
        """Let the step get to the next point at which it can be held up, or begin one."""
        if self.step is None:
            self.step = self.candidate.step()
            lost = False
        try:
            self.step.throw(LOST) if lost else self.step.send(None)
        except (StopIteration, ClusterError):
            self.step = None

    def restart(self, candidate: Candidate) -> None:
        """The process is killed, and another one starts."""
        if self.step is not None:
            self.step.close()
        self.candidate, self.step = candidate, None

    @property
    def acts(self) -> bool:
        return self.candidate.term is not None and self.candidate.term.acts
