"""What an operator could know at one moment."""

from dataclasses import dataclass

from pd_operator.simulation.request_log import Column
from pd_operator.simulation.requests import Requests


@dataclass(frozen=True)
class WorkerSnapshot:
    """One serving worker, as its `/v1/loads` would tell.

    - `number`: the worker's own, never given to another of its pool.
    - `running_requests`: in a pass or in the batch; `waiting_requests`: for a pass, room or a seat;
      `retracted_requests` of them were thrown out of the batch.
    - `waiting_tokens`: prompt tokens still to compute, those in the running pass included.
    - `context_tokens`: KV of the running requests together, in decode; 0 in prefill.
    - `used_tokens` of `capacity_tokens`: KV in use or promised.
    - `tokens_done`, `busy_seconds`: since it began to serve.
    """

    number: int
    running_requests: int
    waiting_requests: int
    retracted_requests: int
    waiting_tokens: int
    context_tokens: int
    used_tokens: int
    capacity_tokens: int
    tokens_done: int
    busy_seconds: float


@dataclass(frozen=True)
class PoolSnapshot:
    """One pool at one moment.

    - `workers`: those that serve.
    - `draining`, `starting`: workers on their way out, and asked for. `promised`: those that come
      from the other role, from the moment on when they drain there.
    - `pending_seconds`: how long each worker has waited for GPUs that the cluster does not have.
    - `busy_seconds`: of all workers that ever were, from the beginning.
    """

    workers: tuple[WorkerSnapshot, ...]
    draining: int
    starting: int
    busy_seconds: float
    pending_seconds: tuple[float, ...] = ()
    promised: int = 0

    @property
    def serving(self) -> int:
        """Workers that serve."""
        return len(self.workers)

    @property
    def waiting_requests(self) -> int:
        """Requests that wait in the workers that serve."""
        return sum(worker.waiting_requests for worker in self.workers)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What an operator could know at `time_seconds`.

    - `arrived`: requests that came since the last snapshot, or since the beginning. How long their
      answers will be nobody knows yet.
    - `completed`: requests that were completed or lost since then, in that order, with their
      `ttft_seconds` and `tpot_seconds` as the result has them.
    - `scraped_seconds`: until when `arrived` and `completed` are known; None: until now.
    - `unseen`: a stretch, begin and end, that was never scraped and ended since the last snapshot.
    """

    time_seconds: float
    arrived: Requests
    completed: Requests
    ttft_seconds: Column
    tpot_seconds: Column
    prefill: PoolSnapshot
    decode: PoolSnapshot
    scraped_seconds: float | None = None
    unseen: tuple[float, float] | None = None

    @property
    def seen_seconds(self) -> float:
        """Until when it is known what came."""
        return self.time_seconds if self.scraped_seconds is None else self.scraped_seconds
